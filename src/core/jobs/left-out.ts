/** Warnings of a backup that mean: there was something here, and it is not in the snapshot. docs/errors.md, "Warnings". */
export const leftOut: readonly string[] = ['unreadable', 'unstable', 'other-file-system', 'too-deep'];
