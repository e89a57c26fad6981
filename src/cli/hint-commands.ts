/** Commands that hints name, completed so that they can be pasted. */

const takesAddin =
  /\bholdfast (?:backup|compact|diff|find|key (?:check|erase|rotate)|ls|pin|prune|repair|restore|snapshots|status|store init|unpin|verify)\b(?! --addin)/g;

/** Each with the addin configuration that the command line named; null: it named none, so none has to be. */
export function withAddin(hint: string, addin: string | null): string {
  if (addin === null || !/^[\w.-]+$/.test(addin)) return hint;
  return hint.replace(takesAddin, (command) => `${command} --addin ${addin}`);
}
