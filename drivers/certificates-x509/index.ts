export { createCertificateMaker } from './maker.ts';
