/**
 * What was read of each site, kept from one listing to the next, because opening and parsing the same thousands of
 * files is most of what a listing costs.
 *
 * An entry counts only while every file and directory it came from is the same inode with the same ctime: eight
 * looks instead of some forty calls. Sites with a problem are never kept, nor what changed within the last minute,
 * as two changes within one tick of the clock look like one. Paths are followed here, but what they lead to is
 * compared with inodes that were reached without a link; nothing is read.
 */

import { hash } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Account, PanelCache } from '../../core/contracts/panel.ts';
import {
  AT_FDCWD,
  closeFd,
  errno,
  O,
  openAt,
  stampAt,
  stampIdentityWords,
  stampWords,
  zName,
  zNameForNow,
} from '../../core/filesystem/native.ts';
import { holdfastVersion } from '../../core/jobs/addin.ts';
import { type Generation, type SiteMetadata, services } from './site-metadata.ts';

type Metadata = SiteMetadata['metadata'];

/** All that a listing takes from the disk of one site. */
export interface SiteFacts {
  readonly found: Omit<SiteMetadata, 'metadata'>;
  readonly metadata: Metadata;
  readonly state: Account['state'];
  readonly owner: Account['owner'];
  /** All that is wrong with it, what the metadata says included. */
  readonly problems: readonly string[];
}

interface Entry extends Omit<SiteFacts, 'metadata'> {
  readonly stamp: string;
}

type Sites<T> = Readonly<Record<string, T>>;

/** One line of JSON each, so that a listing without metadata parses no metadata. */
interface CacheFile {
  readonly sites: Sites<Entry>;
  readonly metadata: Buffer;
}

/** Another release may read the same files differently. */
const format = `4 ${holdfastVersion}`;
const settledSeconds = 60;

/** A marker of suspension or another generation shows in the time of `info`, a pending edit in that of `new`. */
const filesOf = (generation: Generation): Buffer[] =>
  ['/info', '/info/new', ...services.map((name) => `/info/${generation}/${name}`)].map((path) => zName(path));
const generations = { current: filesOf('current'), cur: filesOf('cur') };

const path = Buffer.alloc(512);
const stamps = new Uint32Array(16 * stampWords);

export class SiteCache {
  readonly #cache: PanelCache;
  readonly #root: string;
  readonly #virtual: number;
  readonly #known: CacheFile;
  readonly #kept = new Map<string, Entry>();
  readonly #added = new Map<string, Metadata>();
  #metadata: Sites<Metadata> | null = null;

  private constructor(cache: PanelCache, root: string, virtual: number, known: CacheFile) {
    this.#cache = cache;
    this.#root = root;
    this.#virtual = virtual;
    this.#known = known;
  }

  /** @param root the directory of the sites */
  static async open(cache: PanelCache, root: string): Promise<SiteCache> {
    const virtual = openAt(AT_FDCWD, zName(root), O.PATH | O.DIRECTORY);
    return new SiteCache(cache, root, virtual, await readCache(cache.path, headOf(root)));
  }

  /** What was read of the site, if it is as it was then; where `brief`, without metadata. */
  find(site: string, brief: boolean): SiteFacts | null {
    const { sites } = this.#known;
    const entry = Object.hasOwn(sites, site) ? sites[site] : undefined;
    if (entry === undefined || this.#stamp(site, entry.found) !== entry.stamp) return null;
    const metadata = brief ? {} : this.#metadataOf(site);
    if (metadata === undefined) return null;
    this.#kept.set(site, entry);
    return { ...entry, metadata };
  }

  /** Keeps what was read a moment ago, where that will do. */
  add(site: string, { metadata, ...facts }: SiteFacts): void {
    const stamp = facts.problems.length > 0 ? null : this.#stamp(site, facts.found);
    if (stamp === null) return;
    this.#kept.set(site, { stamp, ...facts });
    this.#added.set(site, metadata);
  }

  /** Never fails: without it the next listing takes longer. */
  async save(): Promise<void> {
    if (this.#added.size === 0 && this.#kept.size === Object.keys(this.#known.sites).length) return;
    const metadata = [...this.#kept.keys()].map((site) => [site, this.#metadataOf(site)] as const);
    const lines = [Object.fromEntries(this.#kept), Object.fromEntries(metadata)];
    const text = [headOf(this.#root), ...lines.map((line) => JSON.stringify(line)), ''].join('\n');
    const temporary = `${this.#cache.path}.${process.pid}.tmp`;
    try {
      await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
      await rename(temporary, this.#cache.path);
    } catch {
      await rm(temporary, { force: true }).catch(() => {});
    }
  }

  close(): void {
    if (this.#virtual >= 0) closeFd(this.#virtual);
  }

  #metadataOf(site: string): Metadata | undefined {
    this.#metadata ??= parsedSites<Metadata>(this.#known.metadata);
    return this.#added.get(site) ?? (Object.hasOwn(this.#metadata, site) ? this.#metadata[site] : undefined);
  }

  /** Null where something cannot be looked at, or changed too recently. */
  #stamp(site: string, { generation, adminUser }: Entry['found']): string | null {
    if (generation === null || this.#virtual < 0) return null;
    const newest = this.#cache.nowMs / 1000 - settledSeconds;
    const from = path.write(site, 'latin1');
    let at = 0;
    for (const file of generations[generation]) {
      file.copy(path, from);
      const seconds = stampAt(this.#virtual, path, stamps, at);
      if (seconds > newest || (seconds < 0 && seconds !== -errno.ENOENT)) return null;
      at += stampWords;
    }
    // Whose these are; what is written into them every day does not matter.
    const homes = [...(adminUser === null ? [] : [`${site}/shadow/home/${adminUser}`]), `${site}/shadow`];
    for (const home of homes) {
      const found = stampAt(this.#virtual, zNameForNow(home), stamps, at) >= 0;
      at += stampIdentityWords;
      if (found) break;
    }
    return hash('sha256', stamps.subarray(0, at), 'base64');
  }
}

const headOf = (root: string): string => JSON.stringify({ format, root });

async function readCache(path: string, head: string): Promise<CacheFile> {
  const nothing = { sites: {}, metadata: Buffer.alloc(0) };
  const ours = Buffer.from(`${head}\n`);
  const bytes = await readFile(path).catch(() => null);
  // There is none yet, or one of another release or of another panel.
  if (bytes === null || !bytes.subarray(0, ours.length).equals(ours)) return nothing;
  const first = ours.length;
  const second = bytes.indexOf('\n', first) + 1;
  if (second === 0) return nothing;
  return { sites: parsedSites(bytes.subarray(first, second)), metadata: bytes.subarray(second) };
}

/** Empty where it cannot be used. */
function parsedSites<T>(line: Buffer): Sites<T> {
  try {
    return (JSON.parse(line.toString()) as Sites<T> | null) ?? {};
  } catch {
    return {};
  }
}
