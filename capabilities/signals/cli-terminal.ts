// What commands of signals need of the world: handed in, so that a test can be one.
import type { LoadAsked, LoadReport, SignalClient } from './contract.ts';

export interface RouterDoor {
  /** Absent: what the environment says, else the router of this machine. */
  readonly url: string | undefined;
  /** The token, `@` and a file that holds it, or absent: what the environment says. */
  readonly token: string | undefined;
  /** A file with the authorities, in PEM, that may vouch for a `wss:` router. */
  readonly authorities: string | undefined;
}

export interface SignalTerminal {
  /** Whether a flag or the environment says which router is meant. */
  isNamed(door: RouterDoor): boolean;
  open(door: RouterDoor, signal: AbortSignal): Promise<SignalClient>;
  load(
    doors: { readonly near: RouterDoor; readonly far: RouterDoor },
    asked: LoadAsked,
    signal: AbortSignal,
  ): Promise<LoadReport>;
  /** One item now: a line for people; with -o json, its JSON on a line of its own. */
  print(item: unknown, line: string): Promise<void>;
  /** Of this process and no other. */
  readonly mark: string;
}
