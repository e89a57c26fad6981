/**
 * Whether a dump holds every table that was seen before it began, told from its own bytes: the client leaves tables out
 * without a word where an option or a privilege makes it.
 *
 * Only names are compared, and of several databases in one dump how often each comes, so a text that looks like a
 * table's definition could hide a missing one, never invent one.
 */

import { quoted } from '../../printable.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import type { DumpPlan } from './inspect.ts';
import { type Session, text, withSession } from './session.ts';

const marker = Buffer.from('\nCREATE TABLE `');
/** Longer than the marker and any name of 64 characters, quoted. */
const keptBytes = 1024;

type Plans = readonly Pick<DumpPlan, 'database' | 'tables' | 'outside'>[];

export class DumpedTables {
  readonly #plans: Plans;
  /** How often each name is still to come. */
  readonly #left = new Map<string, number>();
  #tail = Buffer.alloc(0);

  constructor(plans: Plans) {
    this.#plans = plans;
    for (const name of plans.flatMap(tablesOf)) this.#left.set(name, (this.#left.get(name) ?? 0) + 1);
  }

  chunk(bytes: Uint8Array): void {
    if (this.#left.size === 0) return;
    const data = Buffer.concat([this.#tail, bytes]);
    let rest = 0;
    for (let at = data.indexOf(marker); at >= 0; at = data.indexOf(marker, rest)) {
      const begin = at + marker.length;
      const end = endOfName(data, begin);
      if (end < 0 && data.length - at < keptBytes) {
        rest = at;
        break;
      }
      rest = end < 0 ? begin : end;
      if (end >= 0) this.#came(data.toString('utf8', begin, end).replaceAll('``', '`'));
    }
    this.#tail = Buffer.from(data.subarray(Math.max(rest, data.length - keptBytes)));
  }

  #came(name: string): void {
    const left = this.#left.get(name);
    if (left === undefined) return;
    if (left > 1) this.#left.set(name, left - 1);
    else this.#left.delete(name);
  }

  /** Null: none is missing that is there now too. Else the end of a sentence. @throws DATABASE_UNREACHABLE */
  async missing(config: DatabaseInstanceConfig, signal: AbortSignal): Promise<string | null> {
    if (this.#left.size === 0) return null;
    const present = await withSession(config, signal, async (session) => {
      const names: string[] = [];
      for (const plan of this.#plans) names.push(...(await stillThere(session, plan)));
      return names;
    });
    for (const [name, left] of this.#left) {
      const planned = this.#plans.filter((plan) => tablesOf(plan).includes(name)).length;
      const now = present.filter((one) => one === name).length;
      if (now > planned - left)
        return `it lacks table ${quoted(name)}, which was there before and is there now`;
    }
    return null;
  }
}

const tablesOf = ({ tables, outside }: Plans[number]): readonly string[] => [...tables, ...outside];

/** Of the tables that were to come. */
async function stillThere(session: Session, plan: Plans[number]): Promise<readonly string[]> {
  const rows = await session.rows(
    'SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?',
    [plan.database],
  );
  const now = new Set(
    rows.filter(([schema]) => text(schema) === plan.database).map(([, name]) => text(name)),
  );
  return tablesOf(plan).filter((name) => now.has(name));
}

/** Where the quoted name ends; -1: not in these bytes. */
function endOfName(data: Buffer, begin: number): number {
  const quote = 0x60;
  for (let at = data.indexOf(quote, begin); at >= 0; at = data.indexOf(quote, at + 2)) {
    if (at + 1 === data.length) return -1;
    if (data[at + 1] !== quote) return at;
  }
  return -1;
}
