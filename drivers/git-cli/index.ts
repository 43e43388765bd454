export { createGitCli, type GitCliOptions } from './git-cli.ts';
export { oldHistorySeverities, type FsckSeverity } from './layout.ts';
