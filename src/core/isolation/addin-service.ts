/**
 * What the process of an addin answers: `open` first, then the methods of what was opened.
 *
 * Runs beside strangers' code and checks nothing for Holdfast's sake; whoever calls checks the answers.
 */

import { pathToFileURL } from 'node:url';
import type { AddinDefinition } from '../contracts/addin.ts';
import type { Notifier, NotifierMessage } from '../contracts/notifier.ts';
import type { AddinModule } from '../packages/addin-module.ts';
import { protectionsHere } from './protections.ts';
import type { Handler, Service } from './serve.ts';
import { setupHandlers } from './setup-service.ts';
import { runtimeDirectory } from './store-needs.ts';
import { storeFacts, storeHandlers } from './store-service.ts';

export interface Opening {
  readonly part: 'store' | 'setup' | 'notifier';
  /** A definition of ours: absolute path of its module, and the name of its export. */
  readonly module?: string;
  readonly exported?: string;
  /** One of a package, as its manifest says. */
  readonly packaged?: AddinModule;
  /** With secrets resolved. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Variables the addin may see, its own secrets among them: /proc shows only those a process began with. */
  readonly env: Readonly<Record<string, string>>;
}

export type Methods = Readonly<Record<string, Handler>>;

/** @param onClosing called before the addin is closed */
export function addinService(onClosing: () => void): Service {
  let opened: Opened = { facts: () => null, methods: {} };
  let told = 'null';
  const open: Handler = async (params) => {
    opened = await openPart(params as unknown as Opening);
    return opened.facts();
  };
  return {
    handlerOf(method) {
      if (method === 'open') return open;
      if (method === 'close') onClosing();
      if (method === 'protections') return async () => protectionsHere();
      const { methods } = opened;
      const found = Object.hasOwn(methods, method) ? methods[method] : undefined;
      if (found === undefined) throw new TypeError(`there is no method ${method}`);
      return found;
    },
    news() {
      let facts: unknown;
      try {
        facts = opened.facts();
      } catch {
        // Whoever opened it has been told, or is told when he asks for it.
        return undefined;
      }
      const text = JSON.stringify(facts);
      if (text === told) return undefined;
      told = text;
      return facts;
    },
  };
}

interface Opened {
  /** What the addin says of itself now: a store may find out with time what its place can do. */
  readonly facts: () => unknown;
  readonly methods: Methods;
}

async function openPart(opening: Opening): Promise<Opened> {
  const { part, settings, env } = opening;
  // All that is left: where it has a directory of its own.
  for (const name of Object.keys(process.env)) if (name !== runtimeDirectory) delete process.env[name];
  Object.assign(process.env, env);
  const definition = await definitionFor(opening);
  if (part === 'notifier' && definition.kind === 'notifier') {
    const notifier = await definition.open(settings);
    if (typeof notifier !== 'object' || notifier === null) throw new Error('open gives no notifier');
    return { facts: () => null, methods: notifierHandlers(notifier) };
  }
  if (part === 'notifier' || definition.kind !== 'store') throw new TypeError(`it is no ${part}`);
  if (part === 'setup') {
    const setup = await definition.setup?.(settings);
    return {
      facts: () => ({ setup: setup !== undefined }),
      methods: setup === undefined ? {} : setupHandlers(setup),
    };
  }
  const store = await definition.open(settings);
  if (typeof store !== 'object' || store === null) throw new Error('open gives no store');
  return { facts: () => storeFacts(store), methods: storeHandlers(store) };
}

async function definitionFor({ module, exported, packaged }: Opening): Promise<AddinDefinition> {
  if (packaged !== undefined) {
    const { importDefinition } = await import('../packages/addin-module.ts');
    return importDefinition(packaged);
  }
  const exports = (await import(pathToFileURL(module!).href)) as Readonly<Record<string, unknown>>;
  const definition = exports[exported!] as AddinDefinition | undefined;
  if (definition === undefined) throw new TypeError(`${module} exports no ${exported}`);
  return definition;
}

function notifierHandlers(notifier: Notifier): Methods {
  return {
    notify: (params, { signal }) => notifier.notify(params as unknown as NotifierMessage, { signal }),
    close: async () => notifier.close?.(),
  };
}
