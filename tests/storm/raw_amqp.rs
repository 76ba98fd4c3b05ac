//! Just enough AMQP 0-9-1 to publish what client libraries refuse to make: texts that are no UTF-8.
//! Publishers in languages whose strings are bytes send them without a thought.

use harness::PATIENCE;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

const FRAME_END: u8 = 0xce;
const CHANNEL: u16 = 1;
/// What the broker offers.
const FRAME_MAX: u32 = 131_072;
const CHANNELS_MAX: u16 = 2_047;

pub struct RawPublisher(TcpStream);

/// Properties of a message: which there are, and their bytes.
pub struct RawProperties {
    pub flags: u16,
    pub bytes: Vec<u8>,
}

impl RawProperties {
    pub fn message_id(text: &[u8]) -> Self {
        Self { flags: 1 << 7, bytes: short(text) }
    }

    /// One header of a text.
    pub fn header(name: &[u8], text: &[u8]) -> Self {
        let table = [short(name), b"S".to_vec(), long(text)].concat();
        Self { flags: 1 << 13, bytes: long(&table) }
    }
}

fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).expect("at most 255 bytes")], text].concat()
}

fn long(text: &[u8]) -> Vec<u8> {
    [&u32::try_from(text.len()).expect("some bytes").to_be_bytes(), text].concat()
}

impl RawPublisher {
    /// Connects, with a channel in confirm mode.
    pub fn open(amqp_url: &str) -> Self {
        let (_, rest) = amqp_url.split_once("://").expect("a URL");
        let (user, rest) = rest.split_once('@').expect("a user");
        let (host, vhost) = rest.split_once('/').expect("a vhost");
        let (user, password) = user.split_once(':').expect("a password");
        let mut publisher = Self(TcpStream::connect(host).expect("the broker"));
        publisher.0.write_all(b"AMQP\0\0\x09\x01").expect("sent");
        publisher.answer();
        let login = format!("\0{user}\0{password}");
        let start_ok =
            [long(b""), short(b"PLAIN"), long(login.as_bytes()), short(b"en_US")].concat();
        publisher.method(0, (10, 11), &start_ok);
        publisher.answer();
        let tune_ok = [&CHANNELS_MAX.to_be_bytes()[..], &FRAME_MAX.to_be_bytes(), &[0, 0]].concat();
        publisher.method(0, (10, 31), &tune_ok);
        publisher.method(0, (10, 40), &[short(vhost.as_bytes()), vec![0, 0]].concat());
        publisher.answer();
        publisher.method(CHANNEL, (20, 10), &[0]);
        publisher.answer();
        publisher.method(CHANNEL, (85, 10), &[0]);
        publisher.answer();
        publisher
    }

    /// Publishes a message, and waits until the broker has it.
    pub fn publish(&mut self, exchange: &str, key: &[u8], properties: &RawProperties, body: &[u8]) {
        let to = [vec![0, 0], short(exchange.as_bytes()), short(key), vec![0]].concat();
        self.method(CHANNEL, (60, 40), &to);
        let mut head = vec![0, 60, 0, 0];
        head.extend((body.len() as u64).to_be_bytes());
        head.extend(properties.flags.to_be_bytes());
        head.extend(&properties.bytes);
        self.frame(2, CHANNEL, &head);
        self.frame(3, CHANNEL, body);
        assert_eq!(self.answer(), (60, 80), "a confirm");
    }

    /// Takes messages out of a queue and keeps them, until it goes away.
    pub fn hold(&mut self, queue: &str, messages: usize) {
        for _ in 0..messages {
            self.get(queue);
        }
    }

    /// Fetches the message in front of a queue that often and gives it back, as a worker that dies
    /// of it does.
    pub fn fail_at(&mut self, queue: &str, times: usize) {
        for _ in 0..times {
            let tag = self.get(queue);
            // Rejected: from RabbitMQ 4.3 on a nack is no failure.
            self.method(CHANNEL, (60, 90), &[&tag[..], &[1]].concat());
        }
    }

    /// The message in front, once it is there: one that was just given back may be on its way.
    fn get(&mut self, queue: &str) -> [u8; 8] {
        const MESSAGE: (u16, u16) = (60, 71);
        const NOTHING: (u16, u16) = (60, 72);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let get = [vec![0, 0], short(queue.as_bytes()), vec![0]].concat();
            self.method(CHANNEL, (60, 70), &get);
            match self.answer_with() {
                (MESSAGE, arguments) => return *arguments.first_chunk().expect("a tag"),
                (NOTHING, _) => {}
                (other, _) => panic!("the broker said {other:?}"),
            }
        }
        panic!("nothing came into {queue}");
    }

    fn method(&mut self, channel: u16, (class, method): (u16, u16), arguments: &[u8]) {
        let method = [&class.to_be_bytes()[..], &method.to_be_bytes(), arguments].concat();
        self.frame(1, channel, &method);
    }

    fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        let mut frame = vec![kind];
        frame.extend(channel.to_be_bytes());
        frame.extend(u32::try_from(payload.len()).expect("a frame").to_be_bytes());
        frame.extend(payload);
        frame.push(FRAME_END);
        self.0.write_all(&frame).expect("sent");
    }

    fn answer(&mut self) -> (u16, u16) {
        self.answer_with().0
    }

    /// The next method, past heartbeats and contents.
    fn answer_with(&mut self) -> ((u16, u16), Vec<u8>) {
        loop {
            let mut head = [0; 7];
            self.0.read_exact(&mut head).expect("a frame");
            let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
            let mut payload = vec![0; length as usize + 1];
            self.0.read_exact(&mut payload).expect("a whole frame");
            payload.pop();
            if head[0] == 1 {
                let number = |at: usize| u16::from_be_bytes([payload[at], payload[at + 1]]);
                return ((number(0), number(2)), payload.split_off(4));
            }
        }
    }
}
