// Amounts of bytes as people read them.
const stepBytes = 1_024;
const unitNames = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** "512 B", "3.4 MiB". */
export function bytesText(bytes: number): string {
  if (bytes < stepBytes) {
    return `${bytes} B`;
  }
  let amount = bytes / stepBytes;
  let step = 0;
  // What would be rounded up to a whole step is told in the next unit.
  while (amount >= stepBytes - 0.05 && step < unitNames.length - 1) {
    amount /= stepBytes;
    step += 1;
  }
  return `${amount.toFixed(1)} ${unitNames[step] ?? ''}`;
}
