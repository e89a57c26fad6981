/** `holdfast unpin`: ends pins, or legal holds, that `holdfast pin` set. */

import { unpin as endPins } from '../../core/jobs/pin.ts';
import type { CliCommand } from '../command.ts';
import type { UnpinDocument } from '../documents/prune.ts';
import { plural } from '../format.ts';
import { definePinTarget, type PinOptions, pinPlace } from '../pin-target.ts';
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
      let ended = 0;
      for (const request of requests) ended += await endPins(request, kind);
      const what = snapshot ?? `all of ${account}`;
      const noun = kind === 'hold' ? 'legal hold' : 'pin';
      context.output.info(ended === 0 ? `${what} had no ${noun}` : `${what}: ${plural(ended, noun)} ended`);
      context.output.document<UnpinDocument>({ snapshot, databases, account, kind, ended });
      return 0;
    });
  },
};
