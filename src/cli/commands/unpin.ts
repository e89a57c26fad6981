/** `holdfast unpin`: ends pins, or legal holds, that `holdfast pin` set. */

import type { EndEvent } from '../../core/jobs/events.ts';
import { unpin as endPins } from '../../core/jobs/pin.ts';
import type { CliCommand } from '../command.ts';
import type { UnpinDocument } from '../documents/prune.ts';
import { plural } from '../format.ts';
import { definePinTarget, type PinOptions, pinPlace } from '../pin-target.ts';
import { sendToCopies } from '../send-to-copies.ts';
import { withStore } from '../store-session.ts';

export const unpin: CliCommand<PinOptions> = {
  exits: [
    'ACCOUNT_NOT_FOUND',
    'SNAPSHOT_NOT_FOUND',
    'IDENTITY_MISSING',
    'STORE_UNAVAILABLE',
    'STORE_FOREIGN',
    'STORE_FULL',
    'STORE_DENIED',
  ],

  define(command) {
    definePinTarget(command);
  },

  async run(context, { args, options: chosen }) {
    return withStore(context, chosen, async (session) => {
      const kind = chosen.legalHold === true ? 'hold' : 'pin';
      const { snapshot, databases, account, requests } = await pinPlace(context, session, args[0]!, chosen);
      const events: EndEvent[] = [];
      for (const request of requests)
        events.push(...[await endPins(request, kind)].filter((one) => one !== null));
      const ended = events.reduce((sum, { ends }) => sum + ends.length, 0);
      const what = snapshot ?? `all of ${account}`;
      const noun = kind === 'hold' ? 'legal hold' : 'pin';
      context.output.info(ended === 0 ? `${what} had no ${noun}` : `${what}: ${plural(ended, noun)} ended`);
      const lackingCopies = await sendToCopies(context, session, events);
      context.output.document<UnpinDocument>({ snapshot, databases, account, kind, ended, lackingCopies });
      return 0;
    });
  },
};
