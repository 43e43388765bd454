// Facts into one answer: what failed first in the order of the checks is what explains the rest.
import type { ClusterId } from '@hansa/foundation';
import {
  isFault,
  type Doctor,
  type Finding,
  type LinkExamination,
  type Verdict,
} from './contract.ts';
import { judgeLink } from './judging-link.ts';
import { judgeNode } from './judging-node.ts';
import { judgePeer } from './judging-peer.ts';
import { lookAtLink, lookAtNode, type DoctorNeeds } from './looking.ts';

const linksAtOnce = 8; // each may dial for twenty seconds, and be dialled back

export function createDoctor(needs: DoctorNeeds): Doctor {
  return {
    async examine({ peer }, call) {
      const chosen = await chosenLinks(needs, peer);
      const node = judgeNode(await lookAtNode(needs));
      const links: LinkExamination[] = [];
      for (let at = 0; at < chosen.length; at += linksAtOnce) {
        const page = chosen.slice(at, at + linksAtOnce);
        links.push(...(await Promise.all(page.map((each) => one(needs, each, call?.signal)))));
      }
      return { ...overall(node, links), node: inOrder(node), links };
    },
  };
}

async function chosenLinks(
  { links, peers }: DoctorNeeds,
  peer: string | undefined,
): Promise<readonly ClusterId[]> {
  if (peer !== undefined) {
    return [peers.resolve(peer).cluster];
  }
  const { links: all } = await links.list({});
  return all.filter(({ status }) => status !== 'closed').map((link) => link.peer);
}

async function one(
  needs: DoctorNeeds,
  peer: ClusterId,
  signal: AbortSignal | undefined,
): Promise<LinkExamination> {
  const facts = await lookAtLink(needs, peer, signal);
  const findings = [...judgeLink(facts), ...judgePeer(facts)];
  const { name, status } = facts.link;
  return {
    ...verdictOf(findings, `the link to ${name} is well`),
    peer,
    name,
    status,
    answered: facts.view.value !== undefined,
    findings: inOrder(findings),
  };
}

/** What is wrong with the node explains what is wrong with its links. */
function overall(node: readonly Finding[], links: readonly LinkExamination[]): Verdict {
  const own = verdictOf(node, '');
  if (!own.healthy) {
    return own;
  }
  // What is known to be wrong says more than what could not be looked at.
  const ill = links
    .filter(({ healthy }) => !healthy)
    .toSorted((a, b) => Number(a.unknown ?? false) - Number(b.unknown ?? false));
  const [first] = ill;
  if (first !== undefined) {
    const { verdict, unknown, fix, code, name } = first;
    const others = ill.length === 1 ? '' : ` (and ${ill.length - 1} more links)`;
    return { healthy: false, unknown, verdict: `${name}: ${verdict}${others}`, fix, code };
  }
  const count = links.length === 1 ? 'its link' : `all ${links.length} links`;
  return {
    healthy: true,
    verdict:
      links.length === 0 ? 'the node is well; it has no links' : `the node and ${count} are well`,
  };
}

export function verdictOf(findings: readonly Finding[], well: string): Verdict {
  const fault = findings.find(isFault);
  const cause = fault ?? findings.find(({ unknown }) => unknown === true);
  if (cause === undefined) {
    return { healthy: true, verdict: well };
  }
  const { finding, fix, code } = cause;
  return {
    healthy: false,
    ...(fault === undefined ? { unknown: true } : {}),
    verdict: finding,
    fix,
    code,
  };
}

/** Faults, what is not known, notes, and what is well; each in the order of the checks. */
function inOrder(findings: readonly Finding[]): readonly Finding[] {
  const rank = (each: Finding): number =>
    isFault(each) ? 0 : each.unknown === true ? 1 : each.passed ? 3 : 2;
  return findings.toSorted((a, b) => rank(a) - rank(b));
}
