/**
 * The manifest: three lines that make a snapshot exist. docs/format.md, section 5.
 *
 * Encodes, decodes and checks; knows no store. Properties a newer writer added survive as unknown.
 */

import type { KeyPair } from '../age/x25519.ts';
import type { Level } from '../contracts/provider.ts';
import { HoldfastError } from '../errors.ts';
import type { Component, Warning } from './components.ts';
import type { SnapshotState } from './keys.ts';
import { identityMissing, lockBody, unlockBody } from './locked-body.ts';
import { isBody, isHeader } from './manifest-shape.ts';
import { readSeal, type Signer, sealLine } from './seal.ts';
import type { Finding, SnapshotStatistics } from './statistics.ts';

export type {
  BesideRef,
  Component,
  DatabaseComponent,
  TreeComponent,
  Warning,
} from './components.ts';

export const formatVersion = 1;
/** Mandatory features this release knows, of stores and of manifests. */
const knownFeatures: readonly string[] = ['age'];
/** A manifest is read whole; a larger one is not ours. */
export const manifestLimitBytes = 64 * 1024 * 1024;

export interface ObjectRef {
  readonly number: number;
  readonly key: string;
  readonly kind: 'segment' | 'index' | 'export' | 'beside';
  /** Bytes as stored. */
  readonly size: number;
  /** SHA-256 as stored, hex. */
  readonly sha256: string;
  /** Of the owner's key it is encrypted to; absent where it is plain. */
  readonly epoch?: number;
}

export interface AddinRef {
  readonly name: string;
  readonly version: string;
  readonly contract: number;
}

export interface ManifestHeader {
  readonly format: number;
  readonly features: readonly string[];
  readonly kind: 'snapshot';
  readonly store: string;
  readonly server: string;
  readonly owner: string;
  readonly addin: { readonly id: string; readonly name: string };
  readonly lineage: string;
  readonly sequence: number;
  readonly revision: number;
  readonly replaces: string | null;
  readonly writtenBy: string;
  readonly id: string;
  readonly objectId: string;
  readonly level: Level;
  readonly state: SnapshotState;
  readonly parents: readonly string[];
  readonly startedAt: string;
  readonly committedAt: string;
  readonly storeClockAt: string | null;
  readonly objects: readonly ObjectRef[];
  readonly references: readonly ObjectRef[];
  readonly tools: {
    readonly holdfast: string;
    readonly store: AddinRef;
    readonly provider: AddinRef;
    readonly panel: AddinRef;
  };
  readonly digest: string;
  readonly previous: string | null;
  /** To which of the owner's keys the body is encrypted; absent where it is plain. */
  readonly encryption?: { readonly epoch: number; readonly pair: string };
  /** An earlier revision had more: `lost` in the body says what is gone. Absent where nothing is. */
  readonly lost?: true;
}

export interface ManifestBody {
  readonly account: {
    readonly site: string;
    readonly domain: string | null;
    readonly aliases: readonly string[];
    readonly plan: string | null;
    readonly state: string;
    readonly uid: number | null;
    readonly gid: number | null;
    readonly metadata: Readonly<Record<string, unknown>>;
  };
  readonly components: readonly Component[];
  readonly warnings: readonly Warning[];
  readonly warningCounts: Readonly<Record<string, number>>;
  readonly exclusions: Readonly<Record<string, readonly string[]>>;
  /** Of trees that name what they take. Absent in what was written before it was recorded. */
  readonly inclusions?: Readonly<Record<string, readonly string[]>>;
  readonly counts: {
    readonly entries: number;
    readonly files: number;
    readonly directories: number;
    readonly links: number;
    readonly bytes: number;
    readonly tarBytes: number;
    readonly storedBytes: number;
  };
  /** Absent in what was written before they were recorded. */
  readonly statistics?: SnapshotStatistics;
  readonly findings?: readonly Finding[];
  readonly index: {
    readonly object: number;
    readonly offset: number;
    readonly length: number;
    readonly plainBytes: number;
    readonly sha256: string;
    /** Base64 of the sealed file key of the index object, where that is encrypted. */
    readonly sealed?: string;
  } | null;
  readonly contentRoot: string | null;
  /** What `repair` found to be lost for good: how many paths, and the first of them; absent where nothing is. */
  readonly lost?: { readonly count: number; readonly paths: readonly string[] };
  /** 32 random hex digits in an encrypted body: nobody can try guesses against the digest. */
  readonly salt?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly unconfiguredEngines: readonly string[];
}

export interface Manifest {
  readonly header: ManifestHeader;
  readonly body: ManifestBody;
}

/** A manifest as it was read: of an encrypted one the body is still locked. */
export interface ReadManifest {
  readonly header: ManifestHeader;
  /** Null where it is locked. */
  readonly body: ManifestBody | null;
  readonly signedBy: string | null;
  /** Opens the body. @throws OBJECT_DAMAGED also where it is for another key */
  unlock(pair: KeyPair): ManifestBody;
}

export interface SealedManifest extends Manifest {
  /** Public key of whoever signed it, whose signature fits; null where nobody did. Trust: jobs/trust.ts. */
  readonly signedBy: string | null;
}

/**
 * @param signer the server that writes it; null leaves it unsigned, so that it is not trusted
 * @param publicKey the body is encrypted to it, as the header must say; null leaves it plain
 */
export function encodeManifest(
  { header, body }: Manifest,
  signer: Signer | null,
  publicKey: Uint8Array | null = null,
): Buffer {
  const json = JSON.stringify(body);
  const line = publicKey === null ? json : lockBody(json, publicKey);
  const lines = Buffer.from(`${JSON.stringify(header)}\n${line}\n`);
  return Buffer.concat([lines, Buffer.from(sealLine(lines, signer))]);
}

/**
 * @param isTrusted whether the word of who signed it, or of nobody, counts; left out: everybody's does
 * @throws OBJECT_DAMAGED not three lines, a wrong seal or signature, not JSON, not the JSON of a manifest, or of a format
 *   that nobody whose word counts says there is
 * @throws FORMAT_UNSUPPORTED a format or mandatory feature this release does not know
 */
export function readManifest(
  bytes: Buffer,
  key: string,
  isTrusted: (signedBy: string | null) => boolean = () => true,
): ReadManifest {
  const text = bytes.toString('utf8');
  const lines = text.split('\n');
  const damaged = (why: string, cause?: unknown): HoldfastError =>
    new HoldfastError('OBJECT_DAMAGED', `manifest ${key} is damaged: ${why}`, {
      cause,
      hint: 'Restore from another snapshot of the account, and run `holdfast verify` on the store.',
    });
  if (lines.length !== 4 || lines[3] !== '') throw damaged('it does not have three lines');
  const parse = (line: string): unknown => {
    try {
      return JSON.parse(line);
    } catch (cause) {
      throw damaged('a line is not JSON', cause);
    }
  };
  const sealedBytes = bytes.indexOf(0x0a, bytes.indexOf(0x0a) + 1) + 1;
  const seal = readSeal(parse(lines[2]!), bytes.subarray(0, sealedBytes));
  if ('wrong' in seal) throw damaged(seal.wrong);
  const header = parse(lines[0]!) as ManifestHeader;
  if (!Array.isArray(header?.features)) throw damaged('its header cannot be understood');
  const known = header.features.every((feature) => knownFeatures.includes(feature));
  if (header.format !== formatVersion || !known || header.kind !== 'snapshot') {
    if (!isTrusted(seal.signedBy)) throw damaged('it is of no known format, and nobody trusted signed it');
    throw new HoldfastError('FORMAT_UNSUPPORTED', `manifest ${key} needs a newer release`, {
      hint: 'Use the Holdfast release that wrote this store, or a newer one.',
    });
  }
  if (!isHeader(header)) throw damaged('its header cannot be understood');
  const locked = header.encryption !== undefined;
  const bodyOf = (line: string): ManifestBody => {
    const body = parse(line);
    if (!isBody(body)) throw damaged('its body cannot be understood');
    return body as ManifestBody;
  };
  return {
    header,
    body: locked ? null : bodyOf(lines[1]!),
    signedBy: seal.signedBy,
    unlock: (pair) => bodyOf(locked ? unlockBody(lines[1]!, pair, key) : lines[1]!),
  };
}

/** As `readManifest`, for one that is not encrypted. @throws IDENTITY_MISSING it is */
export function decodeManifest(bytes: Buffer, key: string): SealedManifest {
  const { header, body, signedBy } = readManifest(bytes, key);
  if (body === null) throw identityMissing(`manifest ${key}`);
  return { header, body, signedBy };
}
