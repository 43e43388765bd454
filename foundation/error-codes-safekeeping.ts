// The register's part on what keeps data safe: backups, copies of stores, and what a disk has
// changed.
export const safekeepingErrorCodes = {
  STORE_NOT_EMPTY: {
    status: 409,
    exit: 5,
    meaning: 'the store that is to be filled holds something already',
    fix: 'name an empty one: another folder, or another prefix',
  },
  STORE_UNSEALED: {
    status: 409,
    exit: 4,
    meaning: 'what is sealed in one store would lie in plain in the other',
    fix: 'seal the disks below the other one, and say so: --unsealed',
  },
  STORE_UNFINISHED: {
    status: 503,
    exit: 5,
    meaning: 'the store holds the beginning of a copy alone',
    fix: 'run the same hansa store migrate again, or give it up: --abandon',
  },
  BACKUP_INVALID: {
    status: 500,
    exit: 7,
    meaning: 'the backup is not whole, or not what was written',
    fix: 'use another backup; hansa backup verify <folder> says what is wrong',
  },
  BACKUP_TARGET: {
    status: 400,
    exit: 2,
    meaning: 'backups cannot be written there',
    fix: 'name an empty folder, or one that holds backups of this cluster',
  },
  DATA_DAMAGED: {
    status: 500,
    exit: 7,
    meaning: 'what is stored here is not what was written',
    fix: 'hansa scrub --repair',
  },
} as const;
