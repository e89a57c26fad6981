/**
 * Owners, rights and default privileges of a dump. The importer sets them once nothing of the dump runs any more, with
 * stand-ins for the roles of the account: an owner's own rights are those of whoever owns the object then.
 */

import { isHoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import type { StandIns } from './import-actors.ts';
import type { Said } from './import-encoding.ts';
import { renamed, type Word } from './import-lex.ts';
import type { OwnerStatement } from './import-owner.ts';
import type { AccountRoles } from './import-roles.ts';
import type { ImportSession } from './import-session.ts';
import { quoteName } from './names.ts';
import { sqlState } from './session.ts';

/** Roles after the last TO or FROM; PUBLIC is none. */
export function granteesOf(list: readonly Word[]): readonly Word[] {
  const at = list.findLastIndex(({ kind, value }) => kind === 'word' && (value === 'to' || value === 'from'));
  const rest = list.slice(at + 1).filter(({ kind }) => kind === 'name' || kind === 'word');
  const options = rest.findIndex(
    ({ kind, value }) => kind === 'word' && /^(with|cascade|restrict)$/.test(value),
  );
  return rest
    .slice(0, options < 0 ? rest.length : options)
    .filter(({ kind, value }) => kind === 'name' || !/^(public|group)$/.test(value));
}

interface Waiting {
  readonly text: string;
  readonly names: readonly Word[];
}

export class Rights {
  readonly #roles: AccountRoles;
  readonly #owners: Waiting[] = [];
  readonly #grants: Waiting[] = [];
  readonly #defaults: Waiting[] = [];
  readonly #named = new Set<string>();
  /** Roles that this server does not have. */
  readonly missing = new Set<string>();
  /** What was left out, and why. */
  readonly leftOut = new Set<string>();

  constructor(roles: AccountRoles) {
    this.#roles = roles;
  }

  /** What does not belong to a role of the account stays the importer's. */
  owner(text: string, { role }: OwnerStatement): void {
    if (!this.#roles.all.has(role.value)) return;
    this.#owners.push({ text, names: [role] });
    this.#note(role);
  }

  grant(text: string, roles: readonly Word[]): void {
    if (this.#allExist(roles)) this.#grants.push({ text, names: roles });
  }

  defaults(text: string, of: readonly Word[], roles: readonly Word[]): void {
    const foreign = of.find((role) => !this.#roles.all.has(role.value));
    if (foreign !== undefined) {
      this.leftOut.add(`default privileges of ${quoted(foreign.value)}, which is no role of the account`);
    } else if (this.#allExist(roles)) {
      this.#defaults.push({ text, names: [...of, ...roles] });
      for (const role of of) this.#note(role);
    }
  }

  /**
   * After `makeStandIns` nothing is asked or run that could call what the dump has made: no operator, no function but
   * the server's own.
   *
   * @throws IMPORT_FAILED
   */
  async apply(
    session: ImportSession,
    makeStandIns: (roles: ReadonlySet<string>) => Promise<StandIns>,
  ): Promise<StandIns> {
    const schemas = await schemasOf(session);
    const standIns = await makeStandIns(this.#named);
    const { of } = standIns;
    // What the server wants of a new owner. Goes with the stand-ins.
    const to = [...of.values()].map(quoteName).join(', ');
    if (of.size > 0)
      for (const schema of schemas) await session.run(`GRANT CREATE ON SCHEMA ${schema} TO ${to}`);
    for (const { text, names } of this.#owners) await session.run(renamed(text, names, of));
    for (const { text, names } of this.#grants) {
      await this.#runIfAllowed(session, text);
      // Who owns the object is not known: what a stand-in that does not is given, goes with it.
      if (names.some(({ value }) => of.has(value)))
        await this.#runIfAllowed(session, renamed(text, names, of));
    }
    for (const { text, names } of this.#defaults) await session.run(renamed(text, names, of));
    return standIns;
  }

  /** For rights on what the importer has not made: what extensions and the server bring along. */
  async #runIfAllowed(session: ImportSession, text: string): Promise<void> {
    if (await runIfAllowed(session, text)) return;
    this.leftOut.add(shortened(text));
  }

  #note({ value }: Word): void {
    if (this.#roles.all.has(value)) this.#named.add(value);
  }

  #allExist(roles: readonly Word[]): boolean {
    const missing = roles.filter(({ value }) => !this.#roles.existing.has(value));
    for (const { value } of missing) this.missing.add(value);
    return missing.length === 0;
  }
}

export const shortened = (text: string): string => quoted(text.replace(/\s+/g, ' ').slice(0, 120));

/** Whether the importer had the right to. */
export async function runIfAllowed(session: ImportSession, statement: string | Said): Promise<boolean> {
  try {
    session.passedOverRights();
    await session.run(statement);
    return !session.passedOverRights();
  } catch (error) {
    if (!isHoldfastError(error) || sqlState(error.cause) !== '42501') throw error;
    return false;
  }
}

/** Those that are the importer's, quoted. */
export async function schemasOf(session: ImportSession): Promise<readonly string[]> {
  const schemas = await session.rows(
    `SELECT n.nspname AS name FROM pg_catalog.pg_namespace n
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND pg_catalog.pg_has_role(n.nspowner, 'USAGE')`,
  );
  return schemas.map(({ name }) => quoteName(String(name)));
}
