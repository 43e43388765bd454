export { openTlsPlane, type TlsPlaneNeeds } from './tls-plane.ts';
export {
  framesOf,
  openNodePort,
  type Guest,
  type NodePort,
  type NodePortNeeds,
} from './node-port.ts';
