/** Where the delete of an artifact stands. What each may become is in delete-task.ts. */
export const deleteTaskStatuses = ['queued', 'running', 'retrying', 'blocked', 'abandoned', 'done', 'ignored'] as const
export type DeleteTaskStatus = (typeof deleteTaskStatuses)[number]
