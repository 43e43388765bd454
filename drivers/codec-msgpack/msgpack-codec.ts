// MessagePack as what is stored and sent: plain data only, the same bytes on every connection (no
// shared record structures), byte strings as plain Uint8Array that never alias the input, which may
// be a database's or a socket's memory.
import { HansaError, type Codec } from '@hansa/foundation';
import { Packr, RESET_BUFFER_MODE, type Options } from 'msgpackr';
import { encodedBytesMax } from './limits.ts';
import { checkPlain } from './plain-value.ts';
import { checkWellFormed } from './well-formed.ts';

// `skipValues` is documented by the library and missing in its types.
const options: Options & { readonly skipValues: readonly unknown[] } = {
  useRecords: false,
  mapsAsObjects: true,
  moreTypes: false,
  useToJSON: false,
  variableMapSize: true,
  int64AsType: 'number',
  copyBuffers: true,
  skipValues: [undefined],
};

export function createMsgpackCodec(): Codec {
  const packr = new Packr(options);
  return {
    encode(value) {
      checkPlain(value);
      // The packer's buffer is reused by the next call; what leaves here is a copy of the right
      // size.
      const encoded = new Uint8Array(packr.pack(value, RESET_BUFFER_MODE));
      if (encoded.length > encodedBytesMax) {
        throw new HansaError('INPUT_TOO_LARGE', `a value takes ${encoded.length} bytes encoded`, {
          facts: { encodedBytesMax },
        });
      }
      return encoded;
    },
    decode(bytes) {
      checkWellFormed(bytes);
      try {
        // A view of the same bytes that is no Buffer, so that byte strings inside are none either.
        return packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      } catch (cause) {
        throw new HansaError('INPUT_INVALID', 'not one encoded value', { cause });
      }
    },
  };
}
