/**
 * Globs over single names (sites, domains, one component of a path): `*` is any text, `?` one character.
 */

const special = /[\\^$.|+()[\]{}]/g;

export function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}

/** Matches whole names; case counts. */
export function globToRegExp(glob: string): RegExp {
  // Neighbouring stars mean one, and as one they cannot make the matcher try every split.
  const source = glob.replace(special, '\\$&').replace(/\*+/g, '.*').replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'su');
}
