/** The contracts as runnable checks, with a reference store and a store that fails. Re-exports only. */

export * from './check.ts';
export * from './faulty-store.ts';
export * from './memory-store.ts';
export {
  type NotifierCheck,
  type NotifierCheckContext,
  notifierChecks,
  sampleMessage,
} from './notifier-checks.ts';
export { providerChecks } from './provider-checks.ts';
export { type ScopeCheck, type ScopeCheckContext, scopeChecks } from './scope-checks.ts';
export { storeChecks } from './store-checks.ts';
