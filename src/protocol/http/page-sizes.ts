/** A page of entries of an artifact, or of names in a directory, costs a process or a walk: a folder of 100 000 names is read in a hundred of them. */
export const largestEntriesPage = 1000
