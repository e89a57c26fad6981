/** `holdfast pin`: keeps prune away from a snapshot. */

import { HoldfastError } from '../../core/errors.ts';
import type { AccountEvent } from '../../core/jobs/events.ts';
import { pin as setPin } from '../../core/jobs/pin.ts';
import { quoted } from '../../core/printable.ts';
import type { CliCommand } from '../command.ts';
import type { PinDocument } from '../documents/prune.ts';
import { definePinTarget, type PinOptions, pinPlace } from '../pin-target.ts';
import { sendToCopies } from '../send-to-copies.ts';
import { withStore } from '../store-session.ts';

interface Options extends PinOptions {
  readonly reason: string;
  readonly until?: string;
}

export const pin: CliCommand<Options> = {
  exits: [
    'ACCOUNT_LOCKED',
    'ACCOUNT_NOT_FOUND',
    'SNAPSHOT_NOT_FOUND',
    'IDENTITY_MISSING',
    'STORE_UNAVAILABLE',
    'STORE_FOREIGN',
    'STORE_FULL',
    'STORE_DENIED',
  ],

  define(command) {
    definePinTarget(command)
      .requiredOption('--reason <text>', 'why; prune shows it')
      .option(
        '--until <date>',
        'last day (UTC) it stands, e.g. 2027-01-31, or an instant (default: until unpin)',
      );
  },

  async run(context, { args, options: chosen }) {
    const { reason, until, legalHold } = chosen;
    if (legalHold === true && until !== undefined) {
      throw new HoldfastError('USAGE', 'a legal hold has no end of its own', {
        hint: 'Leave out --until, and end it with holdfast unpin --legal-hold.',
      });
    }
    const untilMs = until === undefined ? null : endOf(until);
    return withStore(context, chosen, async (session) => {
      const place = await pinPlace(context, session, args[0]!, chosen);
      const details =
        legalHold === true
          ? ({ kind: 'hold', reason } as const)
          : ({ kind: 'pin', reason, untilMs } as const);
      const events: AccountEvent[] = [];
      for (const request of place.requests) events.push(await setPin(request, details));
      const { snapshot, databases, account } = place;
      const end = untilMs === null ? null : new Date(untilMs).toISOString();
      const what = snapshot ?? `all of ${account}`;
      const verb = databases === null ? 'is' : `and ${databases} are`;
      const words = details.kind === 'hold' ? 'under legal hold' : 'pinned';
      context.output.info(`${what} ${verb} ${words}${end === null ? '' : ` until ${end}`}`);
      const lackingCopies = await sendToCopies(context, session, events);
      context.output.document<PinDocument>({
        ...{ snapshot, databases, account, kind: details.kind, reason, until: end, lackingCopies },
      });
      return 0;
    });
  },
};

/** A day counts to its end. @throws USAGE neither a day nor an instant */
function endOf(text: string): number {
  const [, day, time] = /^(\d{4}-\d\d-\d\d)(T.+(?:Z|[+-]\d\d:\d\d))?$/.exec(text) ?? [];
  const isDay = time === undefined;
  const dayMs = day === undefined ? Number.NaN : Date.parse(day);
  // The 30th of February would be the 2nd of March.
  const isReal = !Number.isNaN(dayMs) && new Date(dayMs).toISOString().startsWith(`${day}T`);
  const atMs = isReal ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs)) {
    throw new HoldfastError('USAGE', `${quoted(text)} is neither a day nor an instant`, {
      hint: 'Write 2027-01-31, or 2027-01-31T12:00:00Z.',
    });
  }
  return isDay ? atMs + 24 * 3_600_000 : atMs;
}
