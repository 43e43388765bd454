// Evidence as it lies on the disk, and how the outcome of checking it is told: to people in lines,
// to programs by the exit code.
import { readFile, stat } from 'node:fs/promises';
import { verifyEvidence, type EvidenceFile, type Report, type VerifyOptions } from './verifying.ts';

const fileBytesMax = 512 * 1_024 * 1_024; // what one text can be in Node

/** 0 all of it verified; 2 a file is no JSON; 3 one is not there; 7 something does not verify. */
export const verifyExits: {
  readonly verified: number;
  readonly unreadable: number;
  readonly missing: number;
  readonly refused: number;
} = { verified: 0, unreadable: 2, missing: 3, refused: 7 };

export interface FilesReport extends Report {
  /** Files that could not be looked at, and why. */
  readonly unread: readonly { readonly file: string; readonly sentence: string }[];
  readonly exit: number;
}

export async function verifyFiles(
  names: readonly string[],
  options: VerifyOptions,
): Promise<FilesReport> {
  const read = await Promise.all(names.map(readEvidence));
  const files = read.flatMap((each) => ('data' in each ? [each] : []));
  const unread = read.flatMap((each) => ('data' in each ? [] : [each]));
  const report = verifyEvidence(files, options);
  const missed = unread.map(({ exit }) => exit);
  const judged = report.verified || files.length === 0 ? verifyExits.verified : verifyExits.refused;
  return {
    verified: report.verified && unread.length === 0,
    verdicts: report.verdicts,
    unread: unread.map(({ file, sentence }) => ({ file, sentence })),
    exit: Math.max(judged, ...missed),
  };
}

type Unread = { readonly file: string; readonly sentence: string; readonly exit: number };

async function readEvidence(name: string): Promise<EvidenceFile | Unread> {
  const unread = (sentence: string, exit: number): Unread => ({ file: name, sentence, exit });
  let spelled: string;
  try {
    const { size } = await stat(name);
    if (size > fileBytesMax) {
      return unread(`it is over ${fileBytesMax} bytes`, verifyExits.unreadable);
    }
    spelled = await readFile(name, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ENOENT'
      ? unread('there is no such file', verifyExits.missing)
      : unread(`it cannot be read (${String(code)})`, verifyExits.unreadable);
  }
  const whole = parsed(spelled);
  if (whole !== undefined) {
    return { name, data: whole.value };
  }
  const lines = spelled.split('\n').filter((line) => line !== '');
  const first = parsed(lines[0] ?? '');
  if (lines.length < 2 || first === undefined) {
    return unread('it is no JSON', verifyExits.unreadable);
  }
  const values = lines.map(parsed);
  const bad = values.indexOf(undefined);
  return bad < 0
    ? { name, data: { ...headOf(first.value), evidence: values.map((each) => each?.value) } }
    : unread(
        `line ${bad + 1} is no JSON: the file was cut off, or changed`,
        verifyExits.unreadable,
      );
}

/** Undefined where it is no JSON. */
function parsed(spelled: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(spelled) };
  } catch {
    return undefined;
  }
}

/** The first of many lines says what the file is, and is evidence by itself. */
function headOf(first: unknown): object {
  const has = typeof first === 'object' && first !== null && 'format' in first;
  return has ? { format: first.format } : {};
}

/** One line for each thing that was claimed, and one for the whole. */
export function tellReport({ verdicts, unread, verified }: FilesReport): readonly string[] {
  const lines = verdicts.map(({ verified: holds, kind, about, sentence }) =>
    plain(`${holds ? 'ok    ' : 'FALSE '} ${`${kind} ${about}`.trim()}: ${sentence}`),
  );
  const others = unread.map(({ file, sentence }) => plain(`UNREAD ${file}: ${sentence}`));
  const failed = verdicts.filter(({ verified: holds }) => !holds).length;
  const outcome = verified
    ? `all ${verdicts.length} verified`
    : `${failed} of ${verdicts.length} do not verify, ${unread.length} file(s) could not be read`;
  const empty = verdicts.length + unread.length === 0;
  return [...lines, ...others, empty ? 'nothing was claimed, so nothing is proven' : outcome];
}

/** What was read may hold anything; a terminal is not to obey it. */
function plain(line: string): string {
  return line.replaceAll(/\p{C}/gu, '?');
}
