/**
 * What an addin contributes: definitions from which core makes stores, providers and the rest.
 *
 * A definition is data and one factory. Its settings are validated against `settingsSchema` (JSON
 * Schema 2020-12) before the factory sees them; properties marked `"x-secret": true` arrive resolved
 * from their reference (`env:NAME`, `file:PATH`).
 */

import type { Notifier, NotifyEvent } from './notifier.ts';
import type { Panel } from './panel.ts';
import type { Provider, ProviderCapabilities, ProviderInput } from './provider.ts';
import type { Scope } from './scope.ts';
import type { Store } from './store.ts';
import type { StoreSetup } from './store-setup.ts';

export type Settings = Readonly<Record<string, unknown>>;
export type JsonSchema = Readonly<Record<string, unknown>>;

interface Definition {
  /** What `use` says in a configuration, e.g. `local`. */
  readonly name: string;
  readonly version: string;
  /** Version of the contract it was written for. */
  readonly contract: number;
  /** Schema of the settings, `use` included. */
  readonly settingsSchema: JsonSchema;
  /** Optional: scopes that the addin contributes where it is configured. Must not write. */
  scopes?(settings: Settings): Promise<readonly Scope[]>;
}

export interface StoreDefinition extends Definition {
  readonly kind: 'store';
  /** Opens the store. Must not write; an absent directory or bucket is not yet an error. */
  open(settings: Settings): Promise<Store>;
  /**
   * Optional: directories of this machine that hold its objects, as far as settings tell; secrets among these are
   * still references. No backup captures them. A package says it by `"x-directory": true` in the schema of its
   * settings instead, since its code is not run for this.
   */
  directories?(settings: Settings): readonly string[];
  /** Optional: looks after the place itself, for `store init` and `doctor`. Must not write either. */
  setup?(settings: Settings): Promise<StoreSetup>;
}

export interface ProviderDefinition extends Definition {
  readonly kind: 'provider';
  readonly capabilities: ProviderCapabilities;
  open(input: ProviderInput): Promise<Provider>;
}

export interface PanelDefinition extends Definition {
  readonly kind: 'panel';
  /** Directories below which all accounts lie, as far as settings tell: hidden from processes that need none. */
  directories?(settings: Settings): readonly string[];
  open(settings: Settings): Promise<Panel>;
}

export interface NotifierDefinition extends Definition {
  readonly kind: 'notifier';
  /**
   * Optional: what it is told, always. Without it `on` of the configuration chooses, which core looks after:
   * `on` is never among the settings.
   */
  readonly events?: readonly NotifyEvent[];
  /** Opens the notifier. Must tell nobody anything yet. */
  open(settings: Settings): Promise<Notifier>;
}

export interface ScopeDefinition extends Definition {
  readonly kind: 'scope';
  /** The scopes it contributes. Must not write. */
  open(settings: Settings): Promise<readonly Scope[]>;
}

export type AddinDefinition =
  | StoreDefinition
  | ProviderDefinition
  | PanelDefinition
  | NotifierDefinition
  | ScopeDefinition;

/** The definitions of one kind. */
export type DefinitionOf<K extends AddinDefinition['kind']> = Extract<AddinDefinition, { readonly kind: K }>;
