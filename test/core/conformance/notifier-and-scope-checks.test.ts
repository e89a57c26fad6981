import { AssertionError } from 'node:assert';
import { describe, expect, it } from 'vitest';
import { notifierChecks, scopeChecks } from '../../../src/core/conformance/index.ts';
import {
  HoldfastError,
  isHoldfastError,
  type Notifier,
  type NotifierMessage,
  type Scope,
  type ScopeValue,
  throwIfInterrupted,
} from '../../../src/core/index.ts';
import { failureOf } from '../../support/run-checks.ts';

const { signal } = new AbortController();
const secret = 'tk_secret';

type Send = (message: NotifierMessage, to: string[] | null) => Promise<void>;

/** Puts messages into a list; null stands for a receiver that is not there. */
const send: Send = async (message, to) => {
  await new Promise(setImmediate);
  if (to === null) throw new HoldfastError('STORE_UNAVAILABLE', 'nobody is there');
  to.push(message.text);
};

const soundNotifier = (to: string[] | null, how: Send = send): Notifier => ({
  async notify(message, options) {
    throwIfInterrupted(options.signal, 'a message');
    await how(message, to);
  },
});

const notifierDefects: readonly {
  readonly defect: string;
  readonly open: (to: string[] | null) => Notifier;
  readonly check: string;
}[] = [
  {
    defect: 'resolves before it has passed a message on',
    open: (to) => soundNotifier(to, async (message) => void setTimeout(() => to?.push(message.text), 20)),
    check: 'has passed a message on when it resolves, once, whatever it is about',
  },
  {
    defect: 'cannot tell of what has no figures',
    open: (to) =>
      soundNotifier(to, async (message) => {
        if (message.figures !== null) to?.push(`${message.figures.accounts} accounts`);
      }),
    check: 'has passed a message on when it resolves, once, whatever it is about',
  },
  {
    defect: 'drops what is too long',
    open: (to) =>
      soundNotifier(to, async (message) => (message.text.length > 1000 ? undefined : send(message, to))),
    check: 'passes on what strangers may have chosen, and as much of it as there can be',
  },
  {
    defect: 'passes on one of several',
    open: (to) => {
      let busy = false;
      return soundNotifier(to, async (message) => {
        if (busy) return;
        busy = true;
        await send(message, to);
        busy = false;
      });
    },
    check: 'takes several messages at once',
  },
  {
    defect: 'hides that nobody is there',
    open: (to) => soundNotifier(to, (message) => send(message, to).catch(() => {})),
    check: 'rejects with a HoldfastError where the receiver is not there, and shows no secret',
  },
  {
    defect: 'shows the secret in an error',
    open: (to) =>
      soundNotifier(to, (message) =>
        send(message, to).catch(() => {
          throw new HoldfastError('STORE_UNAVAILABLE', `cannot reach https://host/${secret}`);
        }),
      ),
    check: 'rejects with a HoldfastError where the receiver is not there, and shows no secret',
  },
  {
    defect: 'does not listen to the signal',
    open: (to) => ({ notify: (message) => send(message, to) }),
    check: 'answers INTERRUPTED once the signal has fired, before a message and while it tries again',
  },
];

describe('notifierChecks', () => {
  const contextFor = (received: readonly string[], open: (to: string[] | null) => Notifier) => ({
    signal,
    received: async () => received.length,
    openUnreachable: async () => open(null),
    secrets: [secret],
  });

  it.each(notifierChecks)('pass on a sound notifier: it $name', async (check) => {
    const received: string[] = [];
    await check.run(soundNotifier(received), contextFor(received, soundNotifier));
  });

  it.each(notifierDefects)('catch a notifier that $defect', async ({ open, check: name }) => {
    const check = notifierChecks.find((one) => one.name === name)!;
    const received: string[] = [];

    expect(await failureOf(check.run(open(received), contextFor(received, open)))).toBeInstanceOf(
      AssertionError,
    );
  });
});

const legal: readonly ScopeValue[] = ['slow', 'fast'];

function soundScope(kept: Map<string, ScopeValue>, changes: Partial<Scope> = {}): Scope {
  return {
    name: 'backups.pace',
    help: 'How fast backups are made.',
    values: legal,
    default: 'slow',
    get: async () => kept.get('pace') ?? 'slow',
    async set(value) {
      if (!legal.includes(value)) throw new HoldfastError('CONFIG_INVALID', 'slow or fast');
      kept.set('pace', value);
    },
    ...changes,
  };
}

const scopeDefects: readonly {
  readonly defect: string;
  readonly changes: (kept: Map<string, ScopeValue>) => Partial<Scope>;
  readonly check: string;
}[] = [
  {
    defect: 'has no group',
    changes: () => ({ name: 'pace' }),
    check: 'has a name of the form group.kebab-case, and says in a sentence what it does',
  },
  {
    defect: 'has a default that it would refuse',
    changes: () => ({ default: 3 }),
    check: 'has a default and a value of the kind it says it takes',
  },
  {
    defect: 'keeps a value to itself',
    changes: () => {
      let own: ScopeValue = 'slow';
      return {
        get: async () => own,
        set: async (value) => {
          own = value;
        },
      };
    },
    check: 'has taken a value when set resolves, for others as well, and takes it once more',
  },
  {
    defect: 'takes whatever it is given',
    changes: (kept) => ({ set: async (value) => void kept.set('pace', value) }),
    check: 'refuses other values with CONFIG_INVALID and stays as it was',
  },
  {
    defect: 'has taken a value when it refuses it',
    changes: (kept) => ({
      set: async (value) => {
        kept.set('pace', value);
        if (!legal.includes(value)) throw new HoldfastError('CONFIG_INVALID', 'slow or fast');
      },
    }),
    check: 'refuses other values with CONFIG_INVALID and stays as it was',
  },
];

describe('scopeChecks', () => {
  const illegal = ['medium', 3, null];

  it.each(scopeChecks)('pass on a sound scope: it $name', async (check) => {
    const kept = new Map<string, ScopeValue>();
    await check.run(soundScope(kept), { legal, illegal, reopen: async () => soundScope(kept) });
  });

  it.each(scopeDefects)('catch a scope that $defect', async ({ changes, check: name }) => {
    const check = scopeChecks.find((one) => one.name === name)!;
    const kept = new Map<string, ScopeValue>();
    const open = () => soundScope(kept, changes(kept));
    const failure = await failureOf(check.run(open(), { legal, illegal, reopen: async () => open() }));

    expect(failure instanceof AssertionError || isHoldfastError(failure), String(failure)).toBe(true);
  });
});
