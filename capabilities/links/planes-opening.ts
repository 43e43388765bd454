// How a plane comes to be: the asking side gets a ticket over the link and dials; where that fails
// it makes a ticket itself and lets the other side dial back.
import { abortable, deadline, HansaError, remote } from '@hansa/foundation';
import { addressesMax } from './contract.ts';
import { planeDialMs, type DataPlane, type PlaneConnection } from './planes-driver.ts';
import { ticketLifeMs } from './planes-tickets.ts';
import type { Road } from './planes-road.ts';
import { linkPeerContract, type LinkPeer } from './wire.ts';

export interface PlaneAgreement {
  readonly connection: PlaneConnection;
  readonly budgetBytes: number;
}

interface Asking {
  readonly plane: DataPlane;
  readonly epoch: number;
}

/** A connection on which we may ask; its ticket was taken. */
export async function askForPlane(road: Road, asking: Asking): Promise<PlaneAgreement> {
  const { clock, session, ending, limits } = road;
  const limit = deadline(clock, ticketLifeMs, {
    reason: () => new HansaError('TIMED_OUT', 'the plane did not open in time'),
    signal: ending.signal,
  });
  const { signal } = limit;
  const peer = remote(linkPeerContract, session.control);
  const { epoch, plane } = asking;
  try {
    const offer = await peer.plane(
      { epoch, traffic: session.traffic, budgetBytes: limits.budgetBytes },
      { signal },
    );
    const budgetBytes = Math.min(offer.budgetBytes, limits.budgetBytes);
    const dialled = dial(road, plane, { ...offer, signal });
    const connection = await dialled.catch((error: unknown) =>
      beDialled(road, { asking, peer, signal, because: error }),
    );
    return { connection, budgetBytes };
  } finally {
    limit.done();
  }
}

/** Dials the peer at its request, with its ticket. */
export async function dialBack(
  road: Road,
  input: Parameters<LinkPeer['planeBack']>[0],
  signal: AbortSignal,
): Promise<PlaneConnection> {
  if (road.plane === undefined) {
    throw new HansaError('PLANE_OFF', 'the peer keeps all traffic on the link');
  }
  return dial(road, road.plane, { ...input, signal });
}

async function dial(
  road: Road,
  plane: DataPlane,
  given: {
    readonly ticket: Uint8Array;
    readonly addresses: readonly string[];
    readonly signal: AbortSignal;
  },
): Promise<PlaneConnection> {
  const { clock, session } = road;
  const { peer, node } = session;
  const addresses = reachable(given.addresses, road.hintsOf(peer, node));
  if (addresses.length === 0) {
    throw new HansaError('DIAL_FAILED', 'the peer’s plane is nowhere that its link is');
  }
  const limit = deadline(clock, planeDialMs, {
    reason: () => new HansaError('DIAL_FAILED', `no plane within ${planeDialMs / 1_000} s`),
    signal: given.signal,
  });
  let connection: PlaneConnection | undefined;
  try {
    connection = await plane.dial({ node, addresses }, limit.signal);
    await abortable(connection.stream.send(given.ticket), limit.signal);
    if (!isAdmission(await abortable(connection.stream.receive(), limit.signal))) {
      throw new HansaError('DIAL_FAILED', 'the peer refused the ticket of the plane');
    }
    connection.admit();
    return connection;
  } catch (error) {
    connection?.close('the ticket was not taken');
    throw error;
  } finally {
    limit.done();
  }
}

async function beDialled(
  road: Road,
  given: {
    readonly asking: Asking;
    readonly peer: LinkPeer;
    readonly signal: AbortSignal;
    readonly because: unknown;
  },
): Promise<PlaneConnection> {
  const { book, session, limits } = road;
  const { asking, peer, signal, because } = given;
  const { epoch, plane } = asking;
  const addresses = plane.addresses();
  if (addresses.length === 0) {
    throw because;
  }
  let arrived: (connection: PlaneConnection) => void = () => undefined;
  const arrival = new Promise<PlaneConnection>((resolve) => {
    arrived = resolve;
  });
  const ticket = book.issue({
    peer: session.peer,
    node: session.node,
    purpose: {
      isStill: () => !signal.aborted && road.epochOf(session.peer) === epoch,
      admitted: (connection) => arrived(connection),
    },
  });
  try {
    const { budgetBytes } = limits;
    const { traffic } = session;
    await peer.planeBack({ epoch, traffic, ticket, addresses, budgetBytes }, { signal });
    return await abortable(arrival, signal);
  } finally {
    book.withdraw(ticket);
  }
}

/**
 * Told by the proven peer, yet only hints: nothing is dialled but hosts to which the link itself
 * goes, and what answers there must have the peer's key.
 */
export function reachable(
  told: readonly string[],
  linkHints: readonly string[],
): readonly string[] {
  const hosts = new Set(linkHints.flatMap((hint) => hostOf(hint) ?? []));
  return told.slice(0, addressesMax).filter((address) => hosts.has(hostOf(address) ?? ''));
}

function hostOf(address: string): string | undefined {
  const colon = address.lastIndexOf(':');
  return colon < 1 || address.includes('/') ? undefined : address.slice(0, colon);
}

/** The listener’s word that the ticket was taken. */
function isAdmission(frame: Uint8Array | undefined): boolean {
  return frame?.length === 0;
}
