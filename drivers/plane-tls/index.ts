export { openTlsPlane, type TlsPlaneNeeds } from './tls-plane.ts';
