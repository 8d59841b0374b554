use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// A WAV file with any format tag and data.
fn file(tag: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
    bytes.extend_from_slice(&tag.to_le_bytes());
    bytes.extend_from_slice(&channels.to_le_bytes());
    bytes.extend_from_slice(&rate.to_le_bytes());
    bytes.extend_from_slice(&[0; 6]);
    bytes.extend_from_slice(&bits.to_le_bytes());
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(data);
    bytes
}

fn read_bytes(bytes: &[u8]) -> Result<Sound, MediaError> {
    read_from(&mut Cursor::new(bytes), usize::MAX)
}

#[test]
fn every_coding_gives_the_same_half() {
    let half_24 = [0_u8, 0, 0x40];
    let cases = [
        file(1, 1, 8_000, 8, &[192]),
        file(1, 1, 8_000, 16, &16_384_i16.to_le_bytes()),
        file(1, 1, 8_000, 24, &half_24),
        file(1, 1, 8_000, 32, &(1_i32 << 30).to_le_bytes()),
        file(3, 1, 8_000, 32, &0.5_f32.to_le_bytes()),
        file(3, 1, 8_000, 64, &0.5_f64.to_le_bytes()),
    ];
    for bytes in cases {
        assert_eq!(read_bytes(&bytes).unwrap().samples, [0.5]);
    }
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let sound = Sound { rate: 48_000, channels: 2, samples: vec![0.25, -0.5, 0.0, -1.0] };
    write(&path, &sound).unwrap();
    assert_eq!(read(&path, usize::MAX).unwrap(), sound);
    assert_eq!(read(&path, 1).unwrap().samples, [0.25, -0.5]);
}

#[test]
fn too_loud_is_clipped_and_no_number_is_silence() {
    let sound = Sound { rate: 48_000, channels: 1, samples: vec![7.0, -7.0, f32::NAN] };
    let back = read_bytes(&encode(&sound).unwrap()).unwrap();
    assert!((back.samples[0] - 1.0).abs() < 1e-4);
    assert_eq!(back.samples[1..], [-1.0, 0.0]);
    let bytes = file(3, 1, 8_000, 32, &f32::INFINITY.to_le_bytes());
    assert_eq!(read_bytes(&bytes).unwrap().samples, [0.0]);
}

#[test]
fn a_data_chunk_without_end_ends_with_the_file() {
    let mut bytes = file(1, 1, 8_000, 16, &[0, 64, 0, 64, 9]);
    let size_at = bytes.len() - 9;
    bytes[size_at..size_at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(read_bytes(&bytes).unwrap().samples, [0.5, 0.5]);
}

#[test]
fn what_is_no_wav_file_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("song.mp3");
    assert!(read(&path, 9).unwrap_err().place.contains("song.mp3"), "a missing file");
    for bytes in
        [&b""[..], b"ID3", &[0; 5_000], b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEdata\0\0\0\0"]
    {
        std::fs::write(&path, bytes).unwrap();
        let error = read(&path, usize::MAX).unwrap_err();
        assert_eq!(error.code, "sound_unreadable");
        assert!(error.place.contains("song.mp3"));
    }
    let adpcm = file(2, 1, 8_000, 4, &[0; 8]);
    assert!(read_bytes(&adpcm).unwrap_err().message.contains("format 2"));
    assert!(read_bytes(&file(1, 0, 8_000, 16, &[])).is_err(), "no channels");
    assert!(read_bytes(&file(1, 1, 1, 16, &[])).is_err(), "one hertz");
}

#[test]
fn many_channels_go_to_both_sides() {
    let sound = Sound { rate: 8_000, channels: 4, samples: vec![0.4, 0.0, 0.4, 0.0] };
    assert_eq!(sound.to_stereo(), [vec![0.2], vec![0.2]]);
}

proptest! {
    #[test]
    fn any_bytes_are_a_sound_or_an_error_but_never_a_panic(bytes: Vec<u8>) {
        let _ = read_bytes(&bytes);
    }

    #[test]
    fn any_damage_is_a_sound_or_an_error_but_never_a_panic(
        tag in 0_u16..4, channels: u16, rate: u32, bits in 0_u16..70, data: Vec<u8>,
        at: prop::sample::Index, byte: u8
    ) {
        let mut bytes = file(tag, channels, rate, bits, &data);
        let place = at.index(bytes.len());
        bytes[place] = byte;
        let _ = read_bytes(&bytes);
    }
}
