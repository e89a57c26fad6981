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
  stampBytes,
  stampIdentityBytes,
  zName,
} from '../../core/filesystem/native.ts';
import { holdfastVersion } from '../../core/jobs/addin.ts';
import { type Generation, type SiteMetadata, services } from './site-metadata.ts';

/** All that a listing takes from the disk of one site. */
export interface SiteFacts {
  readonly found: SiteMetadata;
  readonly state: Account['state'];
  readonly owner: Account['owner'];
  /** All that is wrong with it, what the metadata says included. */
  readonly problems: readonly string[];
}

interface Entry extends SiteFacts {
  readonly stamp: string;
}

interface CacheFile {
  readonly format: string;
  readonly root: string;
  readonly sites: Readonly<Record<string, Entry>>;
}

/** Another release may read the same files differently. */
const format = `2 ${holdfastVersion}`;
const settledSeconds = 60;

/** A marker of suspension or another generation shows in the time of `info`, a pending edit in that of `new`. */
const filesOf = (generation: Generation): Buffer[] =>
  ['/info', '/info/new', ...services.map((name) => `/info/${generation}/${name}`)].map((path) => zName(path));
const generations = { current: filesOf('current'), cur: filesOf('cur') };
const tree = zName('/shadow');

const path = Buffer.alloc(512);
const stamps = Buffer.alloc(16 * stampBytes);

export class SiteCache {
  readonly #cache: PanelCache;
  readonly #root: string;
  readonly #virtual: number;
  readonly #known: CacheFile['sites'];
  readonly #kept = new Map<string, Entry>();
  #changed = false;

  private constructor(cache: PanelCache, root: string, virtual: number, known: CacheFile['sites']) {
    this.#cache = cache;
    this.#root = root;
    this.#virtual = virtual;
    this.#known = known;
  }

  /** @param root the directory of the sites */
  static async open(cache: PanelCache, root: string): Promise<SiteCache> {
    const virtual = openAt(AT_FDCWD, zName(root), O.PATH | O.DIRECTORY);
    return new SiteCache(cache, root, virtual, await readEntries(cache.path, root));
  }

  /** What was read of the site, if it is as it was then. */
  find(site: string): SiteFacts | null {
    const entry = Object.hasOwn(this.#known, site) ? this.#known[site] : undefined;
    if (entry === undefined || this.#stamp(site, entry.found) !== entry.stamp) return null;
    this.#kept.set(site, entry);
    return entry;
  }

  /** Keeps what was read a moment ago, where that will do. */
  add(site: string, facts: SiteFacts): void {
    const stamp = facts.problems.length > 0 ? null : this.#stamp(site, facts.found);
    if (stamp === null) return;
    this.#kept.set(site, { stamp, ...facts });
    this.#changed = true;
  }

  /** Never fails: without it the next listing takes longer. */
  async save(): Promise<void> {
    if (!this.#changed && this.#kept.size === Object.keys(this.#known).length) return;
    const file: CacheFile = { format, root: this.#root, sites: Object.fromEntries(this.#kept) };
    const temporary = `${this.#cache.path}.${process.pid}.tmp`;
    try {
      await writeFile(temporary, JSON.stringify(file), { mode: 0o600, flag: 'wx' });
      await rename(temporary, this.#cache.path);
    } catch {
      await rm(temporary, { force: true }).catch(() => {});
    }
  }

  close(): void {
    if (this.#virtual >= 0) closeFd(this.#virtual);
  }

  /** Null where something cannot be looked at, or changed too recently. */
  #stamp(site: string, { generation, adminUser }: SiteMetadata): string | null {
    if (generation === null || this.#virtual < 0) return null;
    const newest = this.#cache.nowMs / 1000 - settledSeconds;
    const from = path.write(site, 'latin1');
    let at = 0;
    for (const file of generations[generation]) {
      file.copy(path, from);
      const seconds = stampAt(this.#virtual, path, stamps, at);
      if (seconds > newest || (seconds < 0 && seconds !== -errno.ENOENT)) return null;
      at += stampBytes;
    }
    // Whose these are; what is written into them every day does not matter.
    const home = adminUser === null ? tree : zName(`/shadow/home/${adminUser}`);
    for (const place of home === tree ? [tree] : [home, tree]) {
      place.copy(path, from);
      const found = stampAt(this.#virtual, path, stamps, at) >= 0;
      at += stampIdentityBytes;
      if (found) break;
    }
    return hash('sha256', stamps.subarray(0, at), 'base64');
  }
}

async function readEntries(cachePath: string, root: string): Promise<CacheFile['sites']> {
  try {
    const file = JSON.parse(await readFile(cachePath, 'utf8')) as CacheFile;
    if (file.format === format && file.root === root) return file.sites;
  } catch {
    // There is none yet, or none that can be used.
  }
  return {};
}
