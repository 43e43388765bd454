// What the peer says of the link and of itself, and what becomes of copies on both sides.
import type { Mirror } from '../sync/contract.ts';
import type { Finding } from './contract.ts';
import { isHistory, named } from './judging-history.ts';
import { failed, isOld, passed } from './judging-link.ts';
import type { LinkFacts } from './looking.ts';
import type { PeerView } from './wire.ts';

const certificateLeftMinMs: number = 24 * 3_600_000; // renewed long before; less means it is stuck

export function judgePeer(facts: LinkFacts): readonly Finding[] {
  const { view, connected } = facts;
  const said = view.value;
  return [
    ...(said === undefined ? (connected ? [silent(facts)] : []) : judgeView(facts, said)),
    ...judgeMirrors(facts.mirrors),
    ...facts.added,
  ];
}

/** Half of the link was not looked at: nobody can say that it is well. */
function silent({ view, link }: LinkFacts): Finding {
  const { error } = view;
  const old = isOld(error);
  return failed('far side', 'there', {
    finding: `${link.name} has not told its side: ${error?.message ?? 'no reason is known'}`,
    fix: old
      ? `update ${link.name}: it has no doctor to ask`
      : (error?.fix ?? 'run hansa doctor there as well'),
    code: old ? 'PROTOCOL_MISMATCH' : error?.code,
    unknown: true,
  });
}

/** Both times are by the peer's clock; asked again at once, it tells what it had just found. */
function told({ probe, link }: LinkFacts, { nowMs }: PeerView): Finding {
  const ageMs = Math.max(0, (probe.value?.theirMs ?? nowMs) - nowMs);
  const age = ageMs === 0 ? '' : `, ${ageMs} ms before we asked`;
  return passed('far side', 'there', `${link.name} has told its side${age}`);
}

function judgeView(facts: LinkFacts, said: PeerView): readonly Finding[] {
  const { name } = facts.link;
  const { store, certificateLeftMs } = said;
  return [
    told(facts, said),
    store.writable
      ? passed('store', 'there', store.saying)
      : failed('store', 'there', {
          finding: `the store of ${name} takes no writes: ${store.saying}`,
          fix: `free space at ${name}, or look at its log`,
          code: 'STORE_UNAVAILABLE',
        }),
    certificateLeftMs > certificateLeftMinMs
      ? passed('certificate', 'there', `good for ${Math.round(certificateLeftMs / 3_600_000)} h`)
      : failed('certificate', 'there', {
          finding:
            `the certificate of ${name} ends in ` +
            `${Math.round(certificateLeftMs / 60_000)} minutes`,
          fix: `restart the node of ${name}: certificates renew themselves`,
          code: 'CERTIFICATE_EXPIRED',
        }),
    ownKeys(facts, said),
    dialBack(facts, said),
    theirStatus(facts, said),
    copies(said),
  ];
}

function ownKeys({ ownKeyIndex, link }: LinkFacts, { keyIndexKnown }: PeerView): Finding {
  return keyIndexKnown >= ownKeyIndex
    ? passed('our keys', 'there', `it knows our key ${keyIndexKnown}`)
    : failed('our keys', 'there', {
        finding: `${link.name} knows our key ${keyIndexKnown}, and we sign with ${ownKeyIndex}`,
        fix: 'nothing: it learns the new one when it connects again',
        code: 'KEY_UNKNOWN',
      });
}

function dialBack({ link }: LinkFacts, { dialBack: said }: PeerView): Finding {
  if (!said.tried || said.reached) {
    return passed('dial back', 'there', said.saying);
  }
  return failed('dial back', 'there', {
    finding: `${link.name} cannot dial us: ${said.saying}`,
    fix: 'open the UDP port of hansa status here, or rely on our dialling it',
    code: 'DIAL_FAILED',
    note: true, // the link is up: only what comes after its end is at stake
  });
}

const fine: readonly string[] = ['live', 'idle', 'syncing'];

function theirStatus({ link }: LinkFacts, { link: said }: PeerView): Finding {
  const why = said.reason === undefined ? '' : `: ${said.reason}`;
  const finding = `${link.name} sees the link as ${said.status}${why}`;
  return fine.includes(said.status)
    ? passed('far status', 'there', finding)
    : failed('far status', 'there', {
        finding,
        fix: `hansa doctor at ${link.name}`,
        code: said.status === 'pending' ? 'LINK_PENDING' : 'LINK_DOWN',
      });
}

function copies({ copies: said }: PeerView): Finding {
  const states = Object.entries(said);
  const bad = states.filter(([state, count]) => count > 0 && ['refused', 'halted'].includes(state));
  const listed = states.map(([state, count]) => `${count} ${state}`).join(', ');
  return bad.length === 0
    ? passed('copies of ours', 'there', listed === '' ? 'it holds none' : listed)
    : failed('copies of ours', 'there', {
        finding: `some of its copies of ours do not follow: ${listed}`,
        fix: 'there: hansa sync diff names them and why',
        code: 'HEAD_INVALID',
      });
}

function judgeMirrors(mirrors: readonly Mirror[]): readonly Finding[] {
  const inState = (...states: readonly Mirror['state'][]): readonly Mirror[] =>
    mirrors.filter(({ state }) => states.includes(state));
  const broken = inState('refused', 'halted').filter((each) => !isHistory(each));
  const gone = inState('absent', 'frozen');
  const slow = inState('waiting', 'pulling');
  const findings: Finding[] = [];
  if (broken.length > 0) {
    findings.push(
      failed('mirrors', 'here', {
        finding: `do not follow: ${named(broken)}`,
        fix: 'hansa sync diff names what is missing and why',
        code: broken[0]?.lastError?.code ?? 'HEAD_INVALID',
      }),
    );
  }
  if (gone.length > 0) {
    findings.push(
      failed('shared', 'there', {
        finding: `mirrored here and no longer shared with us: ${named(gone)}`,
        fix: 'ask its owner, or: hansa mirror remove',
        code: 'RESOURCE_NOT_FOUND',
        note: true,
      }),
    );
  }
  if (slow.length > 0) {
    findings.push(
      failed('mirrors', 'between', {
        finding: `not current yet: ${named(slow)}`,
        fix: 'hansa sync diff names what is missing',
        note: true,
      }),
    );
  }
  const current = inState('current').length;
  return [
    ...findings,
    ...(findings.length === 0
      ? [passed('mirrors', 'here', `${current} of ${mirrors.length} current`)]
      : []),
  ];
}
