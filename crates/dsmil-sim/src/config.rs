//! What kind of driver is simulated.

use std::collections::BTreeMap;

use dsmil_protocol::{DeviceId, FIRMWARE_LIMIT_BYTES, MAX_READ_BYTES};

use crate::SimError;

/// How many bytes of data a device has unless the configuration says otherwise.
pub const DATA_BYTES: usize = 512;

/// What kind of driver is simulated. The same configuration always makes the same device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// From what the devices' data, responses and temperatures are made.
    pub seed: u64,
    /// The most bytes that the firmware moves in one call; a longer request is refused with EMSGSIZE.
    /// The specification names no errno for it; EMSGSIZE is what the kernel uses elsewhere for a
    /// message that is too long. `None`: no limit, so that SCAN_DEVICES works.
    pub firmware_limit: Option<usize>,
    /// The driver's version, `0x00MMmmpp`.
    pub version: u32,
    /// An older driver, which answers ENOTTY to the chunked requests (6 to 11).
    pub lacks_chunked: bool,
    /// Whether the driver is initialised; `open` answers ENODEV where it is not.
    pub initialised: bool,
    /// Milliseconds that are added to every time, so that the device can have been up for long.
    pub boot_ms: u64,
    /// Bytes of data of the devices that have other than 512; 1 to 4,928, and the nearest of the two is
    /// taken for a number beyond. [`Config::set_data_length`] checks instead.
    pub data_lengths: BTreeMap<DeviceId, usize>,
}

impl Default for Config {
    /// The fielded driver: version 1.0.0, firmware limit of 272 bytes, chunked requests, seed 0.
    fn default() -> Self {
        Self {
            seed: 0,
            firmware_limit: Some(FIRMWARE_LIMIT_BYTES),
            version: 0x0001_0000,
            lacks_chunked: false,
            initialised: true,
            boot_ms: 0,
            data_lengths: BTreeMap::new(),
        }
    }
}

impl Config {
    /// The fielded driver with another seed.
    pub fn with_seed(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// How many bytes of data this device has.
    pub fn data_length(&self, id: DeviceId) -> usize {
        self.data_lengths.get(&id).map_or(DATA_BYTES, |bytes| (*bytes).clamp(1, MAX_READ_BYTES))
    }

    /// Gives a device data of another length, 1 to 4,928 bytes.
    ///
    /// # Errors
    /// [`SimError::Option`] where the length is out of range or the driver does not serve the id.
    pub fn set_data_length(&mut self, id: DeviceId, bytes: usize) -> Result<(), SimError> {
        let refuse = |why: String| Err(SimError::Option { option: format!("data={id}:{bytes}"), why });
        if !id.is_served() {
            return refuse("the driver does not serve this id".into());
        }
        if bytes == 0 || bytes > MAX_READ_BYTES {
            return refuse(format!("a device has 1 to {MAX_READ_BYTES} bytes of data"));
        }
        self.data_lengths.insert(id, bytes);
        Ok(())
    }

    /// Reads the options of a backend string, the part after `sim:`, separated by commas:
    /// `seed=7`, `version=0x010000`, `firmware-limit=272` or `=none`, `chunked=no`, `initialised=no`,
    /// `boot-ms=60000`, `data=0x8003:1`. An empty text is the fielded driver.
    ///
    /// # Errors
    /// [`SimError::Option`] with the option that is not understood.
    pub fn parse_options(text: &str) -> Result<Self, SimError> {
        let mut config = Self::default();
        for option in text.split(',').map(str::trim).filter(|option| !option.is_empty()) {
            config.set(option)?;
        }
        Ok(config)
    }

    fn set(&mut self, option: &str) -> Result<(), SimError> {
        let refuse = |why: &str| SimError::Option { option: option.to_owned(), why: why.to_owned() };
        let (key, value) = option.split_once('=').ok_or_else(|| refuse("write it as key=value"))?;
        let number = || number(value).ok_or_else(|| refuse("the value is not a number"));
        let yes = || match value {
            "yes" | "true" | "1" => Ok(true),
            "no" | "false" | "0" => Ok(false),
            _ => Err(refuse("the value is yes or no")),
        };
        match key {
            "seed" => self.seed = number()?,
            "version" => {
                self.version = u32::try_from(number()?).map_err(|_| refuse("a version has 32 bits: 0x00MMmmpp"))?;
            }
            "firmware-limit" if value == "none" => self.firmware_limit = None,
            "firmware-limit" => {
                self.firmware_limit = Some(usize::try_from(number()?).map_err(|_| refuse("the number is too large"))?);
            }
            "chunked" => self.lacks_chunked = !yes()?,
            "initialised" => self.initialised = yes()?,
            "boot-ms" => self.boot_ms = number()?,
            "data" => {
                let (id, bytes) = value.split_once(':').ok_or_else(|| refuse("write it as data=ID:BYTES"))?;
                let id = id.parse().map_err(|_| refuse("the id is not a device id"))?;
                let bytes = bytes.parse().map_err(|_| refuse("the length is not a number"))?;
                self.set_data_length(id, bytes)?;
            }
            _ => return Err(refuse("known are seed, version, firmware-limit, chunked, initialised, boot-ms, data")),
        }
        Ok(())
    }
}

/// A number in decimal, or in hexadecimal after `0x`.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None => text.parse().ok(),
    }
}
