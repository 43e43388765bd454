// An error report as it crosses a gate. The code stays a string: a newer peer may know codes we do
// not.
import { z } from 'zod';
import type { ErrorReport } from './errors.ts';

export const errorReportSchema: z.ZodType<ErrorReport> = z.object({
  code: z.string().max(64),
  message: z.string().max(4_096),
  fix: z.string().max(4_096).optional(),
  reportedBy: z.string().max(256).optional(),
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
}) as unknown as z.ZodType<ErrorReport>;
