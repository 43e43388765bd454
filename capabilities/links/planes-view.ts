// Which way state and bulk go, as people see it.
import { z } from 'zod';

/** What has crossed, in this session. */
export interface BytesMoved {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Over a data plane, or over the link itself. */
export interface RoadView {
  readonly carries: 'tls' | 'iroh';
  readonly sinceMs?: number | undefined;
  /** Why it is not on a data plane. */
  readonly reason?: string | undefined;
  readonly tls: BytesMoved;
  readonly iroh: BytesMoved;
}

const moved: z.ZodType<BytesMoved> = z.object({
  sentBytes: z.number(),
  receivedBytes: z.number(),
});
export const roadViewSchema: z.ZodType<RoadView> = z.object({
  carries: z.enum(['tls', 'iroh']),
  sinceMs: z.number().optional(),
  reason: z.string().optional(),
  tls: moved,
  iroh: moved,
});
