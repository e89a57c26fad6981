/**
 * What the service files of one site say: domain, plan, databases.
 *
 * The files may hold anything. Each value is checked for the form it must have; one that fails is
 * left out and named in `problems`, and the account is described by what remains.
 */

import type { DatabaseSelector } from '../../core/index.ts';
import { type Directory, UnexpectedEntry } from './directory.ts';
import type { PythonValue } from './python-literal.ts';
import { parseServiceFile } from './service-file.ts';

/** The services worth keeping with a snapshot; the others are in the tree `info` anyway. */
export const services = ['siteinfo', 'aliases', 'mysql', 'pgsql', 'diskquota'] as const;

/** The present state of a site, and the same as the panel's documentation calls it. */
export type Generation = 'current' | 'cur';

const largestFileBytes = 256 * 1024;
const secretKey = /passw|secret|token|^key$|_key$/i;
const domainForm = /^(?=.{1,253}$)(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*$/;
const userForm = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$/;
const prefixForm = /^[A-Za-z0-9_.-]{1,62}_$/;

/** Administrators of the server itself: what they own belongs to no account. */
const serverAdmins = new Set(['root', 'mysql', 'mariadb', 'mariadb.sys', 'postgres', 'apnscp', 'appldb']);

export interface SiteMetadata {
  /** Name of the directory below `info` that was read; null where there is none. */
  readonly generation: Generation | null;
  readonly domain: string | null;
  readonly aliases: readonly string[];
  readonly plan: string | null;
  readonly adminUser: string | null;
  readonly databases: readonly DatabaseSelector[];
  /** By service, passwords and keys left out. Plain JSON. */
  readonly metadata: Readonly<Record<string, Readonly<Record<string, PythonValue>>>>;
  readonly problems: readonly string[];
}

type Values = ReadonlyMap<string, PythonValue>;

/** Below an open `info`. */
export function readSiteMetadata(info: Directory): SiteMetadata {
  const problems: string[] = [];
  const files = new Map<string, Values>();
  let generation: Generation | null = null;
  try {
    using newer = info.directory('current');
    using older = newer === null ? info.directory('cur') : null;
    const present = newer ?? older;
    if (present === null) problems.push('info/current is missing');
    else {
      generation = newer === null ? 'cur' : 'current';
      for (const service of services) readService(present, service, files, problems);
    }
  } catch (error) {
    problems.push(messageOf(error));
  }
  const siteinfo = files.get('siteinfo');
  if (siteinfo === undefined && problems.length === 0) problems.push('info/current/siteinfo is missing');
  return {
    generation,
    domain: siteinfo === undefined ? null : domainOf(siteinfo, problems),
    aliases: aliasesOf(files.get('aliases'), problems),
    plan: textOf(siteinfo?.get('plan')),
    adminUser: matching(siteinfo?.get('admin_user'), userForm),
    databases: [
      ...selectorOf('mysql', 'mysql', files, problems),
      ...selectorOf('pgsql', 'postgresql', files, problems),
    ],
    metadata: Object.fromEntries(
      [...files].map(([service, values]) => [
        service,
        Object.fromEntries([...values].filter(([key]) => !secretKey.test(key))),
      ]),
    ),
    problems,
  };
}

function readService(
  current: Directory,
  service: string,
  files: Map<string, Values>,
  problems: string[],
): void {
  try {
    const bytes = current.file(service, largestFileBytes);
    if (bytes === null) return;
    const text = bytes.toString('utf8');
    if (!Buffer.from(text).equals(bytes)) problems.push(`info/current/${service} is not UTF-8`);
    const { values, problem } = parseServiceFile(text);
    files.set(service, values);
    if (problem !== null) problems.push(`info/current/${service}: ${problem}`);
  } catch (error) {
    problems.push(messageOf(error));
  }
}

function domainOf(siteinfo: Values, problems: string[]): string | null {
  const domain = textOf(siteinfo.get('domain'))?.toLowerCase() ?? null;
  if (domain !== null && domainForm.test(domain)) return domain;
  problems.push('siteinfo,domain is not a domain');
  return null;
}

function aliasesOf(values: Values | undefined, problems: string[]): readonly string[] {
  const listed = values?.get('aliases') ?? [];
  const names = Array.isArray(listed) ? (listed as readonly PythonValue[]) : null;
  if (names === null) {
    problems.push('aliases,aliases is not a list');
    return [];
  }
  const domains = names.map((name) => textOf(name)?.toLowerCase() ?? '');
  const good = domains.filter((domain) => domainForm.test(domain));
  if (good.length < domains.length) problems.push('aliases,aliases holds a name that is no domain');
  return [...new Set(good)];
}

/** A service that is switched off keeps its databases, so `enabled` plays no part. */
function selectorOf(
  service: 'mysql' | 'pgsql',
  family: DatabaseSelector['family'],
  files: ReadonlyMap<string, Values>,
  problems: string[],
): DatabaseSelector[] {
  const values = files.get(service);
  if (values === undefined) return [];
  const said = values.get('dbaseprefix') ?? null;
  const prefix = matching(said, prefixForm);
  if (said !== null && prefix === null) problems.push(`${service},dbaseprefix is no prefix ending in _`);
  const saidAdmin = values.get('dbaseadmin') ?? null;
  const admin = matching(saidAdmin, userForm);
  const safe = admin !== null && !serverAdmins.has(admin.toLowerCase());
  if (saidAdmin !== null && !safe) problems.push(`${service},dbaseadmin is no user of an account`);
  if (prefix === null && !safe) return [];
  return [{ family, prefix, admin: safe ? admin : null, names: [] }];
}

/** Text that a literal stands for: a plan called 2024 or an alias called 1 is text as well. */
function textOf(value: PythonValue | undefined): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : null;
}

function matching(value: PythonValue | undefined, form: RegExp): string | null {
  const text = textOf(value);
  return text !== null && form.test(text) ? text : null;
}

function messageOf(error: unknown): string {
  if (error instanceof UnexpectedEntry) return error.message;
  return `metadata cannot be read: ${String((error as NodeJS.ErrnoException).code ?? 'unknown')}`;
}
