import type { targetDescriptions } from '../../../../../src/protocol/target-descriptions.ts'

type Descriptions = typeof targetDescriptions
type OptionHelp = { [Kind in Exclude<keyof Descriptions, 'memory'>]: { [Name in keyof Descriptions[Kind]['options']]: string } }

/** What each option of a target is. In English its driver says it. */
export const optionHelpZhCn: OptionHelp = {
  local_dir: { path: '执行备份的机器上该文件夹的绝对路径。' },
  webdav: {
    base_url: '备份存放的位置。服务器须允许 PUT、MKCOL、MOVE、DELETE 和 PROPFIND。',
    username: '账户的用户名（若服务器需要）。',
    password: '账户的密码。仅在服务器要求时发送；请使用 https，否则途中任何人都能读取。',
    ca_certificate: '签发服务器证书的自有 CA 的证书（PEM）。除本机信任的 CA 外，也信任它。',
    timeout_s: '服务器可以沉默多少秒。发送内容越多，时间越长。',
  },
  s3: {
    bucket: '存储桶名称。不会自动创建。',
    prefix: '备份在存储桶中的位置，如同文件夹。留空：整个存储桶。',
    endpoint: '存储服务的地址。留空：Amazon S3。',
    region: '存储桶所在区域；没有区域的存储可填任意值。',
    path_style: '用 https://host/bucket 代替 https://bucket.host。留空：自有端点时为是，Amazon S3 时为否。',
    access_key_id: '与密钥一起留空时：使用本机 AWS 工具的配置（配置文件、角色）。',
    secret_access_key: '属于访问密钥 ID。',
    session_token: '仅用于临时凭据。',
    ca_certificate: '签发服务器证书的自有 CA 的证书（PEM）。除本机信任的 CA 外，也信任它。',
    timeout_s: '服务器可以沉默多少秒。发送内容越多，时间越长。',
  },
  sftp: {
    host: '服务器的名称或地址。',
    port: '其 SSH 服务监听的端口。',
    username: '服务器上的账户。',
    path: '服务器上的文件夹。不以斜杠开头时，相对于账户的起始位置，通常是其主文件夹。',
    host_key:
      '用于识别服务器的密钥指纹，即 "ssh-keygen -lf" 的输出；多个用逗号分隔。没有指纹则不与服务器通信：错误信息会给出它出示的指纹，供核对后填入。',
    private_key: '账户接受的私钥文件的内容。',
    passphrase: '私钥的口令（若有）。',
    agent_socket: '执行备份的机器上持有密钥的 SSH 代理的套接字路径。',
    password: '账户的密码（若服务器接受）。',
    timeout_s: '服务器欠应答时可以沉默多少秒。内容越大，时间越长。',
  },
}
