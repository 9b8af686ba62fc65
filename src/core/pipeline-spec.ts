import { z } from 'zod'
import { formatSchema } from './artifact.ts'

export const mebibyte = 1024 * 1024

/** A tar frame: this many bytes of tar become one independent zstd frame. */
export const defaultFrameBytes = 4 * mebibyte
export const defaultPartSizeBytes = 32 * mebibyte

export const encryptedTreeMessage = 'raw_tree_v1 keeps files as they are and cannot encrypt them: archive_v1 can'

/** How a run packs and stores what it reads. */
export const pipelineSpecSchema = z
  .object({
    format: formatSchema.default('archive_v1'),
    /** zstd compression level */
    level: z.number().int().min(1).max(19).default(3),
    /** age X25519 recipients (`age1…`); none means not encrypted */
    recipients: z
      .array(z.string().regex(/^age1[02-9ac-hj-np-z]{58}$/, 'an age recipient is "age1" and 58 characters'))
      .max(20)
      .default([]),
    encryption_key: z.string().optional(),
    part_size_bytes: z
      .number()
      .int()
      .min(mebibyte)
      .max(256 * mebibyte)
      .default(defaultPartSizeBytes),
    frame_bytes: z
      .number()
      .int()
      .min(64 * 1024)
      .max(16 * mebibyte)
      .default(defaultFrameBytes),
    /** bytes a second; absent means no limit */
    bandwidth_limit: z.number().int().positive().optional(),
  })
  .refine(({ format, recipients }) => format !== 'raw_tree_v1' || recipients.length === 0, {
    path: ['recipients'],
    message: encryptedTreeMessage,
  })
export type PipelineSpec = z.infer<typeof pipelineSpecSchema>
