/**
 * Names of the databases and users that an import makes for itself.
 *
 * They carry no account's prefix, so that no panel shows them and no backup takes them for an account's.
 */

const own = /^holdfast_(new|old)_[0-9a-f]{12}$/;

/** Whether a database is one that an import made: scratch, or kept for a while. */
export function isImportDatabase(name: string): boolean {
  return own.test(name);
}

/** Whether it may be dropped with the import that made it; what was kept, or is live, never. */
export function isScratch(name: string): boolean {
  return /^holdfast_new_[0-9a-f]{12}$/.test(name);
}

/** @param id hex digits, 24 at least */
export function importNames(id: string): {
  readonly scratch: string;
  readonly kept: string;
  readonly user: string;
} {
  const part = id.slice(0, 12);
  return {
    scratch: `holdfast_new_${part}`,
    kept: `holdfast_old_${part}`,
    user: `holdfast_imp_${part}`,
  };
}
