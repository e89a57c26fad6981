/**
 * What the process of an addin answers: `open` first, then the methods of what was opened.
 *
 * Runs beside strangers' code and checks nothing for Holdfast's sake; whoever calls checks the answers.
 */

import { pathToFileURL } from 'node:url';
import type { AddinDefinition } from '../contracts/addin.ts';
import type { Handler, Handlers } from './serve.ts';
import { setupHandlers } from './setup-service.ts';
import { storeFacts, storeHandlers } from './store-service.ts';

export interface Opening {
  /** Absolute path of the module that exports the definition. */
  readonly module: string;
  readonly exported: string;
  readonly part: 'store' | 'setup';
  /** With secrets resolved. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Variables the addin may see, its own secrets among them: /proc shows only those a process began with. */
  readonly env: Readonly<Record<string, string>>;
}

export type Methods = Readonly<Record<string, Handler>>;

export function addinHandlers(): Handlers {
  let methods: Methods = {};
  const open: Handler = async (params) => {
    const opened = await openPart(params as unknown as Opening);
    methods = opened.methods;
    return opened.facts;
  };
  return (method) => {
    if (method === 'open') return open;
    const found = Object.hasOwn(methods, method) ? methods[method] : undefined;
    if (found === undefined) throw new TypeError(`there is no method ${method}`);
    return found;
  };
}

async function openPart(opening: Opening): Promise<{ readonly facts: unknown; readonly methods: Methods }> {
  const { module, exported, part, settings, env } = opening;
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  const exports = (await import(pathToFileURL(module).href)) as Readonly<Record<string, unknown>>;
  const definition = exports[exported] as AddinDefinition | undefined;
  if (definition?.kind !== 'store') throw new TypeError(`${module} exports no store as ${exported}`);
  if (part === 'setup') {
    const setup = await definition.setup?.(settings);
    return {
      facts: { setup: setup !== undefined },
      methods: setup === undefined ? {} : setupHandlers(setup),
    };
  }
  const store = await definition.open(settings);
  return { facts: storeFacts(store), methods: storeHandlers(store) };
}
