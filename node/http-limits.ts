// Every bound of the HTTP road in one place: for the road itself, its documentation and its tests.

export interface HttpLimits {
  readonly jsonBytesMax: number;
  readonly jsonBodyMs: number;
  readonly bodyIdleMs: number;
  readonly gunzippedBytesMax: number;
  readonly headerBytesMax: number;
  readonly headersMs: number;
  readonly keepAliveMs: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly paramLengthMax: number;
  readonly stalledReaderMs: number;
  readonly watchStartMs: number;
  readonly drainBytesMax: number;
  readonly drainMs: number;
  readonly closeGraceMs: number;
  readonly quietMs: number;
  readonly quietMaxMs: number;
}

export const httpLimits: HttpLimits = {
  jsonBytesMax: 1_024 * 1_024, // twice the largest stored value; larger content is a blob
  jsonBodyMs: 30_000, // a whole JSON body: 1 MiB over the slowest line that is still of use
  bodyIdleMs: 30_000, // between two pieces of a streamed body; a push may last hours, but not pause
  gunzippedBytesMax: 64 * 1_024 * 1_024, // git compresses its negotiation, never its packs
  headerBytesMax: 16 * 1_024, // Node's own default, written down; holds any query of ours
  headersMs: 10_000, // a head is one packet; whoever takes longer is holding the door
  keepAliveMs: 65_000, // longer than the minute after which most clients drop idle connections
  connectionsMax: 1_024, // files a process may have open on most systems; one for each watch
  // half of all: whoever holds the door from one address leaves room for others
  connectionsPerAddressMax: 512,
  paramLengthMax: 1_024, // a federated id is 226 characters, three times as long when escaped
  stalledReaderMs: 300_000, // a paused terminal may come back; a dead one is let go
  watchStartMs: 100, // a refusal within this time is a status; later it is the stream's last line
  // read and dropped so that a refusal reaches a client that still sends
  drainBytesMax: 8 * 1_024 * 1_024,
  drainMs: 2_000, // and no longer than this
  closeGraceMs: 2_000, // calls under way at shutdown; streams end at once
  // nothing was asked for so long: nobody is about to, as far as can be known
  quietMs: 300,
  quietMaxMs: 2_000, // who asks all the time has had a last answer by then
};
