export { createOwnerGate, gateLimits, type GateLimits, type OwnerGateNeeds } from './gate.ts';
export { openHttp, type HttpNeeds, type HttpRoad } from './http.ts';
export { httpLimits, type HttpLimits } from './http-limits.ts';
export { socketPathBytesMax, type ListenAddress } from './http-listen.ts';
export { openApi } from './openapi.ts';
