/** How `status` shows accounts: a row and an item for each, and in words what is wrong with them. */

import { printable } from '../core/printable.ts';
import type { StatusDocument } from './documents/snapshots.ts';
import { ageText, plural } from './format.ts';
import type { Output } from './output.ts';
import type { GoneAccount, Seen, SeenAccount } from './seen-accounts.ts';
import type { Column } from './table.ts';

export const columns: readonly Column[] = [
  { title: 'ACCOUNT' },
  { title: 'DOMAIN', shrinks: true },
  { title: 'SNAPSHOTS', align: 'right' },
  { title: 'NEWEST' },
  { title: 'AGE', align: 'right' },
  { title: 'LAST GOOD', align: 'right' },
];

export function rowOf(
  { account: { site, domain }, listed, last, isErased, good, doubts }: SeenAccount,
  { nowMs, isUnproved }: Pick<Seen, 'nowMs' | 'isUnproved'>,
): string[] {
  const age = (one: { readonly atMs: number } | null): string =>
    one === null ? 'never' : ageText(nowMs - one.atMs);
  const doubt = doubts.find(({ key }) => key === last?.key);
  const wrong = isErased ? 'erased' : (doubt?.kind ?? (isUnproved ? 'untrusted' : undefined));
  const state = last === null ? '-' : wrong === undefined ? last.state : `${last.state}, ${wrong}`;
  return [site, domain ?? '-', String(listed.length), state, age(last), age(good)];
}

export function describeSeen(
  { account, uuid, listed, last, isErased, good, findings, doubts }: SeenAccount,
  nowMs: number,
): StatusDocument['accounts'][number] {
  return {
    account: account.site,
    uuid,
    domain: account.domain,
    snapshots: listed.length,
    lastState: last?.state ?? null,
    erased: isErased,
    lastAt: last === null ? null : new Date(last.atMs).toISOString(),
    lastGoodAt: good === null ? null : new Date(good.atMs).toISOString(),
    lastGoodAgeSeconds: good === null ? null : Math.max(0, Math.floor((nowMs - good.atMs) / 1000)),
    findings: findings.map(({ code, message }) => ({ code, message })),
    doubts: doubts.map(({ key, kind, message }) => ({ key, kind, message })),
  };
}

export const describeGone = ({ lastAtMs, ...gone }: GoneAccount): StatusDocument['gone'][number] => ({
  ...gone,
  lastAt: new Date(lastAtMs).toISOString(),
});

const shownGone = 10;

/** Accounts come and go, so that alone is nothing wrong. */
function tellGone(output: Output, gone: readonly GoneAccount[]): void {
  if (gone.length === 0) return;
  const names = gone.slice(0, shownGone).map(({ uuid, account }) => printable(account ?? uuid));
  const more = gone.length > shownGone ? `, and ${gone.length - shownGone} more` : '';
  output.info(
    `the panel no longer has ${plural(gone.length, 'account')} with snapshots: ${names.join(', ')}${more}`,
  );
}

/** @returns whether anything is */
export function tellWrong(
  output: Output,
  { seen, gone, selectsNone, isUnproved }: Seen,
  addin: string,
): boolean {
  tellGone(output, gone);
  if (selectsNone) output.info(`the configuration ${addin} selects no account: is what they lie on mounted?`);
  const without = seen.filter(({ good }) => good === null).length;
  if (without > 0) output.info(`${plural(without, 'account')} without a good snapshot`);
  const suspect = seen.filter(({ findings }) => findings.length > 0);
  for (const { account, findings } of suspect) {
    for (const { code, message } of findings) {
      output.info(`the newest snapshot of ${printable(account.site)} looks wrong: ${code}: ${message}`);
    }
  }
  const doubtful = seen.filter(({ doubts }) => doubts.length > 0);
  for (const { account, doubts } of doubtful) {
    const more = doubts.length > 1 ? `, and ${doubts.length - 1} more` : '';
    const first = printable(doubts[0]!.message, 500);
    const what = doubts[0]!.kind === 'missing' ? 'missing' : 'not believed';
    output.info(`of ${printable(account.site)} ${what}: ${first}${more}`);
  }
  return selectsNone || isUnproved || without + suspect.length + doubtful.length > 0;
}
