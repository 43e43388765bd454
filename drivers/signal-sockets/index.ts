export { anyOrigin, isOrigin } from './origins.ts';
export { dialTcp, listenTcp, type TcpTarget } from './tcp.ts';
export { dialWebSocket, type WebSocketTarget } from './websocket-client.ts';
export {
  listenWebSocket,
  takeWebSockets,
  type WebSocketNeeds,
  type WebSocketTaker,
  type WebSocketTaking,
} from './websocket-server.ts';
export type { ListenNeeds, SignalListener } from './listening.ts';
