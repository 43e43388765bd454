// What lies beside the code: documents, package files, and the rooms that every capability has.
import { posix } from 'node:path';
import type { House } from './house.ts';

/** A document has one title, so that a list of documents is a list of titles. */
export function titleBreaches(house: House): string[] {
  const breaches: string[] = [];
  for (const { path, text } of house.documents) {
    // A fragment of the changelog is joined under a title of the release.
    if (path.startsWith('changes/') && posix.basename(path) !== 'README.md') {
      continue;
    }
    const titles = withoutCode(text).match(/^# \S/gm)?.length ?? 0;
    if (titles !== 1) {
      breaches.push(`${path}:1 has ${titles} titles ("# …"); a document has one`);
    }
  }
  return breaches;
}

/** A link inside the repository leads to a file or folder that is there. */
export function linkBreaches(house: House): string[] {
  const paths = house.texts.map(({ path }) => path);
  const isThere = (target: string): boolean =>
    paths.some((path) => path === target || path.startsWith(`${target}/`));
  return house.documents.flatMap(({ path, text }) =>
    [...withoutCode(text).matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => !isThere(posix.join(posix.dirname(path), link).replace(/\/$/, '')))
      .map((link) => `${path}:1 leads to ${link}, which is not there`),
  );
}

function withoutCode(text: string): string {
  return text.replaceAll(/^(`{3,}|~{3,})[\s\S]*?^\1`*$/gm, '');
}

export function capabilityBreaches(house: House): string[] {
  const paths = house.texts.map(({ path }) => path);
  const inside = paths.filter((path) => /^capabilities\/[^/]+\/./.test(path));
  const names = new Set(inside.map((path) => path.split('/')[1] ?? ''));
  const breaches: string[] = [];
  for (const name of names) {
    const folder = `capabilities/${name}`;
    for (const room of ['README.md', 'contract.ts']) {
      if (!paths.includes(`${folder}/${room}`)) {
        breaches.push(`${folder}:1 has no ${room}`);
      }
    }
    if (!inside.some((path) => path.startsWith(`${folder}/`) && path.endsWith('.test.ts'))) {
      breaches.push(`${folder}:1 has no test`);
    }
  }
  return breaches;
}

// Written as words, so that this file does not name what it looks for.
const folders = ['work', 'tmp', String.raw`home/[a-z]\w*`].join('|');
const machinePath = new RegExp(String.raw`(?<![\w./*@~-])/(?:${folders})/`);
const registries = ['npmjs', 'yarnpkg', 'verdaccio', 'artifactory', 'jfrog'].join('|');
const registryHost = new RegExp(
  String.raw`\b(?:registry\.[a-z0-9-]+\.[a-z]|(?:${registries})\.[a-z]{2,}\b)`,
);
const npmSetting = /^\s*(?:registry\s*=|\/\/.*_authToken)/;

export function placeBreaches(house: House): string[] {
  const breaches: string[] = [];
  for (const { path, text } of house.texts) {
    for (const [index, line] of text.split('\n').entries()) {
      const at = `${path}:${index + 1}`;
      if (machinePath.test(line)) {
        breaches.push(`${at} names a folder of one machine`);
      }
      if (registryHost.test(line) || (path.endsWith('.npmrc') && npmSetting.test(line))) {
        breaches.push(`${at} names a package registry`);
      }
      if (path.endsWith('package-lock.json') && /"resolved": "https?:/.test(line)) {
        breaches.push(`${at} names where a package came from; the lock holds hashes only`);
      }
    }
  }
  return breaches;
}

const exact = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;

export function versionBreaches(house: House): string[] {
  const breaches: string[] = [];
  const seen = new Map<string, { version: string; path: string }>();
  for (const { name, version, path } of house.packages) {
    seen.set(name, { version, path });
  }
  for (const { path, versions } of house.packages) {
    for (const [name, version] of versions) {
      const first = seen.get(name) ?? { version, path };
      seen.set(name, first);
      if (!exact.test(version)) {
        breaches.push(`${path}:1 asks for ${name} ${version}; versions are exact`);
      } else if (first.version !== version) {
        breaches.push(`${path}:1 asks for ${name} ${version}, ${first.path} for ${first.version}`);
      }
    }
  }
  return breaches;
}
