export const sessionCookieName = 'bastion_session'
/** The header in which a call that changes something repeats the `csrf_token` of its session. */
export const csrfHeaderName = 'x-csrf-token'
export const attachmentType = 'application/octet-stream'
