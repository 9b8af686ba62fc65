import type { SameKeys } from '../../../locales/same-keys.ts'
import type { targetsEn } from './en.ts'

export const targetsZhCn: SameKeys<typeof targetsEn> = {
  kind: { local_dir: '文件夹', webdav: 'WebDAV', s3: 'S3 存储桶', sftp: 'SFTP 服务器' },
  help: {
    local_dir: '磁盘、U 盘或已挂载网络共享上的文件夹。首次备份时创建。',
    webdav: 'WebDAV 服务器上的集合：Nextcloud、Apache、nginx、NAS、rclone。首次备份时创建。',
    s3: 'Amazon S3 或兼容存储的存储桶，如 Ceph、MinIO、Garage、R2 或 B2。存储桶必须已存在。',
    sftp: '可通过 SSH 访问的服务器上的文件夹，如 NAS。首次备份时创建。',
  },
  option: {
    path: '文件夹',
    base_url: '地址',
    username: '用户名',
    password: '密码',
    ca_certificate: 'CA 证书',
    timeout_s: '超时（秒）',
    host: '服务器',
    port: '端口',
    host_key: '主机密钥',
    private_key: '私钥',
    passphrase: '口令',
    agent_socket: 'SSH 代理',
    bucket: '存储桶',
    prefix: '前缀',
    endpoint: '端点',
    region: '区域',
    path_style: '路径式地址',
    access_key_id: '访问密钥 ID',
    secret_access_key: '秘密访问密钥',
    session_token: '会话令牌',
  },
}
