// What a node is put together from: drivers for the outside, and what a person or a simulation has
// set.
import type { MakePolicyEngine } from '@hansa/capabilities/access/engine';
import type { ProcessFacts } from '@hansa/capabilities/daemon/capability';
import type { AppEndpoints } from '@hansa/capabilities/apps/endpoint';
import type { BackupWriter } from '@hansa/capabilities/backups/contract';
import type { CertificateMaker } from '@hansa/capabilities/certificates/authority';
import type { Validities } from '@hansa/capabilities/certificates/contract';
import type { DiscoveryOptions } from '@hansa/capabilities/discovery/capability';
import type { Git } from '@hansa/capabilities/forge/git';
import type { IdentityService } from '@hansa/capabilities/identity/capability';
import type { NodesHost } from '@hansa/capabilities/nodes/uses';
import type { OpenIdProvider } from '@hansa/capabilities/logins/oidc';
import type { PasswordHashing } from '@hansa/capabilities/logins/password-hashing';
import type { DataPlane } from '@hansa/capabilities/links/planes-driver';
import type { BlobCopies } from '@hansa/capabilities/scrub/capability';
import type { Seals } from '@hansa/capabilities/sealing/capability';
import type { KeptChanges } from '@hansa/capabilities/resources/capability';
import type { FederatedKind } from '@hansa/capabilities/sync/contract';
import type {
  Blobs,
  Clock,
  Codec,
  Crypto,
  Gate,
  KeyValueStore,
  Log,
  Random,
  StoreInspection,
  Transport,
} from '@hansa/foundation';

export interface Drivers {
  readonly store: KeyValueStore;
  readonly blobs: Blobs;
  /** Copies of them on other nodes; absent where there is one node. */
  readonly nearby?: (() => Promise<readonly BlobCopies[]>) | undefined;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Reads and asks the policies that decide who may what. */
  readonly policyEngine: MakePolicyEngine;
  /** Absent where federation is off. */
  readonly transport: Transport | undefined;
  /** Absent where bulk stays on the link. */
  readonly plane?: DataPlane | undefined;
  /** Absent in simulations: then there is no forge. */
  readonly git: Git | undefined;
  /** Absent where the store keeps copies by itself. */
  readonly inspection?: StoreInspection | undefined;
  /** Absent in simulations: then nobody writes backups. */
  readonly backups?: BackupWriter | undefined;
  /** Absent where nothing is sealed. */
  readonly seals?: Seals | undefined;
}

export interface CertificateOptions {
  readonly maker: CertificateMaker;
  readonly validities: Validities;
  readonly names: { readonly dns: readonly string[]; readonly ips: readonly string[] };
}

/** What logins are made with; absent in simulations: then nobody logs in. */
export interface LoginDrivers {
  readonly hashing: PasswordHashing;
  readonly openId: OpenIdProvider;
}

/** Where this node stands among the nodes of its cluster. */
export interface NodesOptions {
  readonly name: string;
  readonly api: () => string;
  /** Absent where the store serves one node. */
  readonly host?: NodesHost | undefined;
}

export interface SessionOptions {
  /** Where they connect; absent where they do not. */
  readonly url?: string | undefined;
  /** Messages that one may send in a second; 0 for any number. */
  readonly messagesPerSecondMax: number;
}

export interface CompositionNeeds extends Drivers {
  /** Absent in simulations: then the cluster is one node without a name. */
  readonly nodes?: NodesOptions | undefined;
  readonly logins?: LoginDrivers | undefined;
  readonly identity: IdentityService;
  readonly facts: ProcessFacts;
  /** Decides calls of peers over the wire. */
  readonly peerGate: Gate;
  readonly syncIntervalMs?: number | undefined;
  /** How much of a history is kept; simulations keep less. */
  readonly kept?: KeptChanges | undefined;
  /** Calls of apps are passed on, and taken from peers; default: neither. */
  readonly proxy?: boolean | undefined;
  /** Absent in simulations: then no app answers. */
  readonly endpoints?: AppEndpoints | undefined;
  /** Ways of finding clusters that are on; none by default. */
  readonly discovery?: DiscoveryOptions | undefined;
  /** Absent in simulations: then nobody is issued a certificate. */
  readonly certificates?: CertificateOptions | undefined;
  /** How this node takes sessions of signals; what is absent is as the router has it. */
  readonly sessions?: SessionOptions | undefined;
  /** Kinds besides git. */
  readonly kinds?: readonly FederatedKind[];
}
