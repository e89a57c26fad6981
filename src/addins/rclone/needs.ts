/**
 * What the process of an rclone store reads beside its settings: the configuration of rclone, the files it
 * names, and, of a remote that is a directory of this machine, that directory.
 *
 * Of an encrypted configuration nothing can be told but its path. Never fails: rclone says what is wrong.
 */

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Settings } from '../../core/index.ts';
import { type RcloneSettings, readSettings } from './settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Section = Map<string, string>;
type Sections = Map<string, Section>;

const wrappers = new Set(['alias', 'crypt', 'chunker', 'compress', 'hasher']);

export function rcloneNeeds(settings: Settings, env: Environment) {
  const read = readSettings(settings);
  const { remote, program } = read;
  const home = homeOf(env);
  const config = configOf(read, env);
  const files = config === null || config === '' ? [] : [config];
  const sections = withVariables(readSections(files[0]), env);
  const own = behind(remote, sections);
  // Keys of other remotes are none of its business. Which others a union is made of nobody has asked.
  for (const section of own.some(isRoots) ? sections.values() : own) {
    for (const value of section.values()) files.push(...absolutePaths(value, home));
  }
  const directory = localDirectory(remote, sections);
  return {
    files,
    variables: /^(RCLONE_CONFIG(_\w+)?|XDG_CONFIG_HOME)$/,
    ...(program.startsWith('/') ? { directories: [dirname(program)] } : {}),
    ...(directory === null ? {} : { directory }),
    ...(isEncrypted(files[0]) || own.some(isRoots) ? { asRoot: true } : {}),
  };
}

/**
 * Which file the remote is to be found in, told to rclone as well: were each to look for itself, they could come to
 * two remotes of the same name. What somebody named counts also where it is missing; empty means that there is
 * none. Null where rclone would find none either.
 */
export function configOf({ config, program }: RcloneSettings, env: Environment): string | null {
  const named = config ?? env['RCLONE_CONFIG'];
  if (named !== undefined) return named === '' ? '' : resolve(named);
  const home = homeOf(env);
  // Where rclone looks by itself, in its order.
  const places = [
    ...(program.startsWith('/') ? [join(dirname(program), 'rclone.conf')] : []),
    ...(env['XDG_CONFIG_HOME'] ? [join(env['XDG_CONFIG_HOME'], 'rclone/rclone.conf')] : []),
    join(home, '.config/rclone/rclone.conf'),
    join(home, '.rclone.conf'),
  ];
  return places.find((path) => contentOf(path) !== null) ?? null;
}

const homeOf = (env: Environment): string => env['HOME'] ?? homedir();

function readSections(path: string | undefined): Sections {
  const sections = new Map<string, Map<string, string>>();
  let section = new Map<string, string>();
  for (const line of (path === undefined ? '' : (contentOf(path) ?? '')).split('\n')) {
    const name = /^\s*\[(?<name>[^\]]+)\]/.exec(line)?.groups?.['name'];
    const { key, value } = /^\s*(?<key>\w+)\s*=\s*(?<value>.*?)\s*$/.exec(line)?.groups ?? {};
    if (name !== undefined) {
      section = new Map();
      sections.set(name, section);
    } else if (key !== undefined && value !== undefined) section.set(key, value);
  }
  return sections;
}

/** Options that variables set, RCLONE_CONFIG_<NAME>_<OPTION>, count more than those of the file. */
function withVariables(sections: Sections, env: Environment): Sections {
  for (const [variable, value = ''] of Object.entries(env)) {
    const name = /^RCLONE_CONFIG_(?<name>[A-Z0-9]+)_(?:TYPE|REMOTE|TOKEN)$/.exec(variable)?.groups?.['name'];
    if (name === undefined) continue;
    const same = [...sections.keys()].find((key) => key.toUpperCase() === name) ?? name.toLowerCase();
    const section = sections.get(same) ?? new Map<string, string>();
    sections.set(same, section.set(variable.slice(variable.lastIndexOf('_') + 1).toLowerCase(), value));
  }
  return sections;
}

function contentOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function absolutePaths(value: string, home: string): string[] {
  const path = value.replace(/^~(?=\/)/, home);
  return path.startsWith('/') && contentOf(path) !== null ? [path] : [];
}

const isEncrypted = (path: string | undefined): boolean =>
  path !== undefined && /^RCLONE_ENCRYPT_/m.test(contentOf(path) ?? '');

/**
 * Some services take a token once, and give the next one with their answer: it is written back. And of several
 * directories nobody can say which are the store's.
 */
const isRoots = (section: Section): boolean =>
  section.has('token') || ['union', 'combine'].includes(section.get('type') ?? '');

/** What the configuration says of a remote, and of those that it wraps. */
function behind(remote: string, sections: Sections, depth = 0): readonly Section[] {
  const section = sections.get(remote.slice(0, remote.indexOf(':')));
  if (section === undefined || depth > 5) return [];
  return [section, ...behind(section.get('remote') ?? '', sections, depth + 1)];
}

/** Null for a remote that is somewhere else, or nothing that can be told. */
function localDirectory(remote: string, sections: Sections, depth = 0): string | null {
  if (remote.startsWith('/')) return remote;
  const colon = remote.indexOf(':');
  const section = sections.get(remote.slice(0, colon));
  const type = section?.get('type') ?? '';
  const path = remote.slice(colon + 1);
  if (type === 'local') return path.startsWith('/') ? path : null;
  const base = section?.get('remote');
  if (base === undefined || depth > 5 || !wrappers.has(type)) return null;
  const directory = localDirectory(base, sections, depth + 1);
  // Names below a crypt are not those of the path.
  return directory === null || type === 'crypt' ? directory : join(directory, path);
}
