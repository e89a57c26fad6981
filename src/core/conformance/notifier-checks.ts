/**
 * The notifier contract as runnable checks.
 *
 * Only who made the receiver knows what has arrived there, so the caller counts; a check tells the notifier and
 * asks for the count.
 */

import { equal, fail, ok } from 'node:assert/strict';
import type { Notifier, NotifierMessage, NotifyEvent } from '../contracts/notifier.ts';
import { notifyEvents } from '../contracts/notifier.ts';
import type { CallOptions } from '../contracts/store.ts';
import { isHoldfastError } from '../errors.ts';
import * as probe from './probes.ts';

export interface NotifierCheckContext extends CallOptions {
  /** Messages that have arrived where the subject sends them. */
  received(): Promise<number>;
  /** One whose receiver is not there, e.g. at a port that nobody listens on. The check closes it. */
  openUnreachable(): Promise<Notifier>;
  /** Texts from its settings that no error may show. */
  readonly secrets: readonly string[];
  /** Those that it passes on; default: all. */
  readonly events?: readonly NotifyEvent[];
}

export interface NotifierCheck {
  /** A sentence that completes "the notifier …". */
  readonly name: string;
  run(subject: Notifier, context: NotifierCheckContext): Promise<void>;
}

/** A notifier that hangs fails here instead of holding up the rest. */
const patienceMs = 20_000;

/** A message as core makes it; `details` hold what strangers may have chosen. */
export function sampleMessage(event: NotifyEvent, details: readonly string[] = []): NotifierMessage {
  const ended = event !== 'start' && event !== 'alarm';
  const addin = event === 'alarm' ? null : 'nightly';
  const exitStatus = ended ? { success: 0, warning: 100, failure: 31 }[event] : null;
  const figures = { accounts: 400, snapshots: 398, partial: 1, failed: 2, warnings: 7, bytes: 1_234_567_890 };
  const subject = `Holdfast on web1.example: backup ${event}`;
  return {
    event,
    server: '5f0c9a52-7a0e-4c1e-9f57-6a2b5c1d8e90',
    host: 'web1.example',
    addin,
    run: event === 'alarm' ? null : '0123456789ab',
    scheduled: true,
    atMs: 1_760_000_000_000,
    exitStatus,
    durationMs: ended ? 3_600_000 : null,
    figures: ended ? figures : null,
    details,
    subject,
    text: `${[subject, '', ...details].join('\n').trimEnd()}\n`,
  };
}

const strangeDetails = [
  `<script>alert(1)</script> & "quotes" 'and' $(more) \`of\` them; --`,
  'äöü 漢字 🙂 \\u{1b}[31m %s %00 {{name}}',
  'x'.repeat(500),
  ...Array.from({ length: 97 }, (_, index) => `site${index}: STORE_FULL: the destination is full`),
];

async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what} did not end within ${patienceMs / 1000} s`)),
      patienceMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function noSecretIn(error: unknown, secrets: readonly string[]): void {
  const shown = isHoldfastError(error) ? `${error.message} ${error.hint ?? ''}` : String(error);
  for (const secret of secrets) ok(!shown.includes(secret), 'an error shows a secret');
}

export const notifierChecks: readonly NotifierCheck[] = [
  {
    name: 'has passed a message on when it resolves, once, whatever it is about',
    async run(subject, context) {
      for (const event of context.events ?? notifyEvents) {
        const before = await context.received();
        await inTime(subject.notify(sampleMessage(event), context), `a message of ${event}`);
        equal((await context.received()) - before, 1, `messages of ${event} that arrived`);
      }
    },
  },
  {
    name: 'passes on what strangers may have chosen, and as much of it as there can be',
    async run(subject, context) {
      const [event = 'failure'] = context.events ?? ['failure'];
      const before = await context.received();
      await inTime(subject.notify(sampleMessage(event, strangeDetails), context), 'a long message');
      equal((await context.received()) - before, 1, 'messages that arrived');
    },
  },
  {
    name: 'takes several messages at once',
    async run(subject, context) {
      const [event = 'failure'] = context.events ?? ['failure'];
      const before = await context.received();
      const messages = Array.from({ length: 5 }, (_, index) => sampleMessage(event, [`site${index}`]));
      await inTime(Promise.all(messages.map((message) => subject.notify(message, context))), 'five messages');
      equal((await context.received()) - before, messages.length, 'messages that arrived');
    },
  },
  {
    name: 'rejects with a HoldfastError where the receiver is not there, and shows no secret',
    async run(_subject, context) {
      const [event = 'failure'] = context.events ?? ['failure'];
      const notifier = await context.openUnreachable();
      try {
        const told = notifier.notify(sampleMessage(event), context);
        const error = await inTime(probe.rejects(told, 'a message to nobody'), 'a message to nobody');
        if (!isHoldfastError(error)) fail(`a message to nobody rejected with ${String(error)}`);
        noSecretIn(error, context.secrets);
      } finally {
        await notifier.close?.();
      }
    },
  },
  {
    name: 'answers INTERRUPTED once the signal has fired, before a message and while it tries again',
    async run(subject, context) {
      const [event = 'failure'] = context.events ?? ['failure'];
      const before = await context.received();
      const fired = AbortSignal.abort();
      const told = subject.notify(sampleMessage(event), { signal: fired });
      await probe.rejectsWith('INTERRUPTED', inTime(told, 'a message'), 'a message after the signal');
      equal(await context.received(), before, 'messages that arrived after the signal');
      const notifier = await context.openUnreachable();
      const stop = new AbortController();
      try {
        const trying = notifier.notify(sampleMessage(event), { signal: stop.signal });
        setImmediate(() => stop.abort());
        const error = await inTime(probe.rejects(trying, 'a message that stops'), 'a message that stops');
        if (!isHoldfastError(error)) fail(`a message that stops rejected with ${String(error)}`);
        noSecretIn(error, context.secrets);
      } finally {
        await notifier.close?.();
      }
    },
  },
];
