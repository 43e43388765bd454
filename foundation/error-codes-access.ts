// The part of the register of error codes that is about people and programs: who they are, what
// they may, and what is kept of it.

export const accessErrorCodes = {
  // logins
  LOGIN_REFUSED: {
    status: 401,
    exit: 4,
    meaning: 'the name, password, code or answer of a provider does not let anybody in',
  },
  LOGIN_LOCKED: {
    status: 429,
    exit: 6,
    meaning: 'too many attempts failed: the next one counts only after a while',
    fix: 'wait as long as it says, then log in again',
  },
  LOGIN_UNBOUND: {
    status: 403,
    exit: 4,
    meaning: 'nobody here is bound to the identity that a provider vouches for',
    fix: 'ask an operator: hansa login bind <provider> <user> <subject>',
  },
  PASSWORD_CHANGE_NEEDED: {
    status: 403,
    exit: 4,
    meaning: 'somebody else has set the password: it has to be changed at the next login',
    fix: 'hansa login asks for a new one; over HTTP send it as newPassword',
  },
  PASSWORD_WEAK: { status: 400, exit: 2, meaning: 'the password is too short, or easily guessed' },
  SESSION_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'no such session, or it is over',
    fix: 'hansa session list',
  },
  PROVIDER_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'no such identity provider is known here',
    fix: 'hansa login provider list',
  },
  PROVIDER_FAILED: {
    status: 502,
    exit: 6,
    meaning: 'the identity provider could not be asked',
    fix: 'retry later, or log in with a password',
  },
  PRINCIPAL_DISABLED: {
    status: 403,
    exit: 4,
    meaning: 'the account is known, and let in nowhere',
  },
  CALLER_UNKNOWN: {
    status: 403,
    exit: 4,
    meaning: 'whoever asks is in no directory that is known here, or no longer',
  },
  PRINCIPAL_UNKNOWN: { status: 404, exit: 3, meaning: 'no account of that name is known here' },
  // people
  GROUP_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such group', fix: 'hansa group list' },
  LAST_OWNER: {
    status: 409,
    exit: 5,
    meaning: 'nobody who is let in would be an owner any more',
    fix: 'give another user the role first; the owner token of the data folder opens all, always',
  },
  NAME_TAKEN: {
    status: 409,
    exit: 5,
    meaning: 'a directory of this cluster has that name already',
  },
  ROLE_BUILT_IN: {
    status: 403,
    exit: 4,
    meaning: 'the role is built in, and stays as it is',
    fix: 'define one of your own: hansa role define <role> --scope <scope>',
  },
  ROLE_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such role', fix: 'hansa role list' },
  // access
  GRANT_WIDENED: {
    status: 403,
    exit: 4,
    meaning: 'nobody gives, maps or issues what they lack themselves',
  },
  ACCESS_POLICY_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'no access policy has that id',
    fix: 'hansa access policies',
  },
  ROLE_MAP_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'nothing of that cluster is mapped so',
    fix: 'hansa role maps',
  },
  // capability tokens
  TOKEN_MALFORMED: { status: 400, exit: 2, meaning: 'this is not a capability token' },
  TOKEN_FORGED: { status: 401, exit: 4, meaning: 'nobody who counts here signed the token' },
  TOKEN_EXPIRED: { status: 401, exit: 4, meaning: 'the token’s or proof’s time is over' },
  TOKEN_NOT_YET: { status: 401, exit: 4, meaning: 'the token’s or proof’s time has not come' },
  TOKEN_REVOKED: { status: 401, exit: 4, meaning: 'the token or one it descends from was revoked' },
  TOKEN_WIDENED: { status: 403, exit: 4, meaning: 'the token says more than its parent allows' },
  TOKEN_TOO_DEEP: { status: 400, exit: 4, meaning: 'the token was delegated too often' },
  TOKEN_TOO_LARGE: { status: 413, exit: 2, meaning: 'the token is over its size' },
  TOKEN_WRONG_AUDIENCE: { status: 403, exit: 4, meaning: 'the token is bound to somebody else' },
  TOKEN_REPLAYED: { status: 401, exit: 4, meaning: 'the proof of possession was used before' },
  TOKEN_SCOPE: { status: 403, exit: 4, meaning: 'the token’s scopes do not cover it' },
  TOKEN_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such token', fix: 'hansa token list' },
  TOKEN_ALGORITHM: { status: 401, exit: 4, meaning: 'its algorithm is not EdDSA' },
  TOKEN_KEY_UNKNOWN: { status: 401, exit: 4, meaning: 'the token’s key is not known here' },
  TOKEN_ISSUER: { status: 401, exit: 4, meaning: 'tokens of that cluster do not count here' },
  TOKEN_SUBJECT: { status: 400, exit: 2, meaning: 'the token does not say whom it is for' },
  TOKEN_CLUSTER_REFUSED: {
    status: 403,
    exit: 4,
    meaning: 'tokens that speak for that account are not made for that cluster',
    fix: 'hansa user set <name> --cluster <peer>',
  },
  // certificates of people, services and workloads
  BUNDLE_FORKED: {
    status: 409,
    exit: 7,
    meaning: 'a cluster showed two trust bundles of one sequence',
    fix: 'ask its people; a rotation there makes a bundle that counts again',
  },
  BUNDLE_REWOUND: {
    status: 409,
    exit: 7,
    meaning: 'a cluster shows an older trust bundle than it did before',
    fix: 'ask its people; a rotation there makes a bundle that counts again',
  },
  CERTIFICATE_ENDING: {
    status: 503,
    exit: 6,
    meaning: 'a certificate is about to run out',
    fix: 'hansa cert expiring lists them; issue each again',
  },
  CERTIFICATE_MALFORMED: {
    status: 400,
    exit: 2,
    meaning: 'this is no certificate, or no request for one',
  },
  CERTIFICATE_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'no certificate of that serial was issued here',
    fix: 'hansa cert list',
  },
  CERTIFICATE_OUTSIDE_ROLE: {
    status: 403,
    exit: 4,
    meaning: 'the role does not let such a certificate be issued',
    fix: 'hansa cert role list shows what each role allows',
  },
  CERTIFICATE_REQUIRED: {
    status: 401,
    exit: 4,
    meaning: 'no client certificate came with the connection',
    fix: 'hansa cert issue --user <name> makes one; add it with hansa context add',
  },
  CERTIFICATE_REVOKED: {
    status: 403,
    exit: 4,
    meaning: 'the certificate was revoked',
    fix: 'issue another one',
  },
  CERTIFICATE_ROLE_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'no such certificate role',
    fix: 'hansa cert role list',
  },
  CERTIFICATE_UNFIT: {
    status: 403,
    exit: 4,
    meaning: 'the certificate is not one that speaks for somebody here',
  },
  CERTIFICATE_UNTRUSTED: {
    status: 403,
    exit: 4,
    meaning: 'no authority that counts for its trust domain signed the certificate',
  },
  // audit
  AUDIT_FORKED: {
    status: 409,
    exit: 7,
    meaning: 'two signed heads of one audit contradict each other: its past was changed or lost',
    fix: 'hansa audit verify names the place; once it is explained: hansa audit accept <peer>',
  },
  AUDIT_FULL: {
    status: 507,
    exit: 6,
    meaning: 'the audit has nearly as many records as it may',
    fix: 'hansa audit export, then: hansa audit prune --before <time>',
  },
  AUDIT_INVALID: {
    status: 502,
    exit: 7,
    meaning: 'a record or head of an audit does not verify',
  },
  AUDIT_UNAVAILABLE: {
    status: 503,
    exit: 6,
    meaning: 'the audit cannot be written, so nothing that must be audited is done',
    fix: 'hansa status says why; free space or run hansa audit prune, then retry',
  },
} as const;
