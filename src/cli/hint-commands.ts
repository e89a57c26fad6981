/** Commands that hints name, completed so that they can be pasted. */

const takesAddin =
  /\bholdfast (?:backup|compact|diff|find|key (?:check|erase|rotate)|ls|pin|prune|repair|restore|snapshots|status|store init|unpin|verify)\b(?! --addin)/g;

/** The options by which a command takes the store of that name: that of an addin configuration, or `<addin>/<copy>`. */
export function storeOptions(name: string): string {
  const [addin, copy] = name.split('/');
  return copy === undefined ? `--addin ${addin}` : `--addin ${addin} --copy ${copy}`;
}

/** Each with the addin configuration that the command line named; null: it named none, so none has to be. */
export function withAddin(hint: string, addin: string | null): string {
  if (addin === null || !/^[\w.-]+$/.test(addin)) return hint;
  return hint.replace(takesAddin, (command) => `${command} --addin ${addin}`);
}
