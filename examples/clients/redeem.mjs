// Redeems once, and learns the result over HTTP and over AMQP.
//
//     npm install amqplib@2.3.1
//     node redeem.mjs GOODS_ID PLAYER_ID [KEY]
//
// REDEEMQ_URL, REDEEMQ_CLIENT, API_KEY, API_SECRET and CLIENT_AMQP_URL say where and who.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import amqp from 'amqplib'

const { REDEEMQ_URL, REDEEMQ_CLIENT, API_KEY, API_SECRET, CLIENT_AMQP_URL } = process.env
const [goods, player, key = randomUUID()] = process.argv.slice(2)

// Tries until there is an answer: what is sent with a key may be sent again.
async function call(path, fields, headers = {}) {
  const body = fields && new URLSearchParams(fields)
  for (let tries = 0; tries < 60; tries++) {
    let pause = 1
    try {
      const signal = AbortSignal.timeout(10_000)
      const answer = await fetch(REDEEMQ_URL + path, { method: body ? 'POST' : 'GET', body, headers, signal })
      if (answer.status !== 429 && answer.status !== 503)
        return await answer.json()
      pause = Number(answer.headers.get('Retry-After') ?? 1)
    } catch { /* no connection, or no answer in time */ }
    await sleep(pause * 1000)
  }
  throw new Error(`${path}: no answer in 60 tries`)
}

// The queue comes before the job: what is published before it is bound goes elsewhere.
const connection = await amqp.connect(CLIENT_AMQP_URL)
const channel = await connection.createChannel()
const { queue } = await channel.assertQueue(`client.${REDEEMQ_CLIENT}.${randomUUID()}`, { exclusive: true })
await channel.bindQueue(queue, 'redeem.results', `${REDEEMQ_CLIENT}.#`)
const result = new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error('no result over AMQP within 60 s')), 60_000).unref()
  const take = message => { // others of this client come here as well
    if (message?.properties.correlationId === key) resolve(message.content.toString())
  }
  channel.consume(queue, take, { noAck: true }).catch(reject)
})

const token = await call('/Auth', { api_key: API_KEY, api_secret: API_SECRET })
if (!token.success) throw new Error(`/Auth: ${token.error_code} ${token.message}`)
const bearer = { Authorization: `Bearer ${token.response.token}` }
const once = { 'Idempotency-Key': key, 'X-Correlation-Id': key, Prefer: 'wait=5' }
let answer = await call('/Redeem/goods', { goods_id: goods, player_id: player, amount: 1 }, { ...bearer, ...once })
while (answer.response?.status === 'queued')
  answer = await call(`/Redeem/jobs/${answer.response.job_id}`, null, { ...bearer, Prefer: 'wait=5' })
if (answer.response?.job_id) answer = answer.response.result ?? answer.response // none if the job is dead
console.log('http', JSON.stringify(answer))
console.log('amqp', await result)
await connection.close()
