export { tellReport, verifyExits, verifyFiles, type FilesReport } from './files.ts';
export { readMoment } from './moments.ts';
export {
  verifyEvidence,
  type EvidenceFile,
  type Report,
  type Verdict,
  type VerifyOptions,
} from './verifying.ts';
