// What a resident runs (residents.ts): the built program, loaded once, and one command after the
// other, each with an environment, a folder and arguments of its own. Plain JavaScript, because it
// runs as the program does: without a loader.
import { loadProgram } from '../../cli/bin/program.js';

const { main } = loadProgram().exports;
const [, , program] = process.argv;
const { stdin } = process;
let worn = false;
// Standard input is there once: whoever reads it was this process's last command.
Object.defineProperty(process, 'stdin', {
  get() {
    worn = true;
    return stdin;
  },
});

process.on('message', ({ args, cwd, env }) => {
  const said = { stdout: '', stderr: '' };
  collect('stdout', said);
  collect('stderr', said);
  for (const name of Object.keys(process.env)) {
    delete process.env[name];
  }
  Object.assign(process.env, env);
  process.chdir(cwd);
  process.argv = [process.execPath, program, ...args];
  process.exitCode = undefined;
  void run(args).then((code) => {
    // Each command adds its own.
    process.stdout.removeAllListeners('error');
    process.stderr.removeAllListeners('error');
    process.send({ code: process.exitCode ?? code, worn, ...said });
  });
});
process.on('disconnect', () => process.exit());
process.send('ready');

async function run(args) {
  try {
    return await main(args);
  } catch (error) {
    process.stderr.write(`${error.stack}\n`);
    return 1;
  }
}

function collect(name, said) {
  process[name].write = (text, encoding, done) => {
    said[name] += typeof text === 'string' ? text : Buffer.from(text).toString();
    const written = typeof encoding === 'function' ? encoding : done;
    if (written !== undefined) {
      process.nextTick(written);
    }
    return true;
  };
}
