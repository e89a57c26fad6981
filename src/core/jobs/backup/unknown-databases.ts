/** Stands for the databases of a server that did not even tell their names. */
export const unknownDatabases = '_unknown';
